import { expect, test } from 'vitest'
import { Room } from '../../server/store/room.ts'

const mebibyte = 1 << 20

/** A room whose world is these numbers; what was taken is in use once `written` says so. */
const furnish = (world: { ceiling?: number; fileBytes?: number; usedBytes?: number; diskFree?: number }) => {
  const state = { fileBytes: 0, usedBytes: 0, diskFree: 1_000 * mebibyte, now: 0, looks: 0, ...world }
  const room = new Room({
    ceiling: state.ceiling ?? Number.POSITIVE_INFINITY,
    usage: () => ({ fileBytes: state.fileBytes, usedBytes: state.usedBytes }),
    diskFree: async () => {
      state.looks++
      return state.diskFree
    },
    now: () => state.now,
  })
  return { room, state }
}

test('what fits under the ceiling is taken, what does not is not, to the byte', async () => {
  const { room } = furnish({ ceiling: 80 * mebibyte, usedBytes: 30 * mebibyte })
  await room.refresh()
  room.begin()
  const left = 80 * mebibyte - 30 * mebibyte - 10 * mebibyte // an eighth is kept for removing
  expect(room.take(left - 1)).toBe(true)
  expect(room.take(2)).toBe(false)
  expect(room.take(1)).toBe(true)
  expect(room.take(1)).toBe(false)
  expect(room.take(0)).toBe(true)
})

test('what is removed makes room, at once', async () => {
  const { room, state } = furnish({ ceiling: 80 * mebibyte, usedBytes: 69 * mebibyte })
  await room.refresh()
  room.begin()
  expect(room.take(5 * mebibyte)).toBe(false)
  state.usedBytes = 10 * mebibyte
  expect(room.take(5 * mebibyte)).toBe(true)
})

test('what was promised to a batch counts until it is written', async () => {
  const { room, state } = furnish({ ceiling: 80 * mebibyte, usedBytes: 0 })
  await room.refresh()
  room.begin()
  expect(room.take(40 * mebibyte)).toBe(true)
  expect(room.take(40 * mebibyte)).toBe(false)
  state.usedBytes = 20 * mebibyte // the estimate was too high
  room.begin()
  expect(room.take(40 * mebibyte)).toBe(true)
})

test('a full disk is noticed, but free pages of the file are room', async () => {
  const { room } = furnish({ diskFree: 0, fileBytes: 100 * mebibyte, usedBytes: 50 * mebibyte })
  await room.refresh()
  room.begin()
  expect(room.take(30 * mebibyte)).toBe(true)
  expect(room.take(10 * mebibyte)).toBe(false)
})

test('the disk is looked at again after a second, and not more often', async () => {
  const { room, state } = furnish({ diskFree: 100 * mebibyte })
  await room.refresh()
  state.diskFree = 0
  state.now = 999
  room.begin()
  expect(state.looks).toBe(1)
  expect(room.take(mebibyte)).toBe(true)
  state.now = 1_000
  room.begin()
  room.begin()
  expect(state.looks).toBe(2)
  await Promise.resolve()
  await Promise.resolve()
  expect(room.take(mebibyte)).toBe(false)
})

test('a disk that cannot be asked does not stop anybody', async () => {
  const room = new Room({
    ceiling: Number.POSITIVE_INFINITY,
    usage: () => ({ fileBytes: 0, usedBytes: 0 }),
    diskFree: () => Promise.reject(new Error('not on this system')),
    now: () => 0,
  })
  await room.refresh()
  room.begin()
  expect(room.take(1 << 30)).toBe(true)
})
