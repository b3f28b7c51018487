import { describe, expect, test } from 'vitest'
import { ErrorCode, Header } from '../../protocol/index.ts'
import { closing, codeOf, nextOf, openApp, producer, stream } from './fixture.ts'

const s = stream('s')
const text = { type: 'text/plain' }

const opened = async () => {
  const app = openApp()
  await app.send('PUT', s, text)
  const post = (headers: Record<string, string>, body = 'x') =>
    app.send('POST', s, { ...text, body, headers })
  const content = async () => (await app.send('GET', s)).text()
  return { ...app, post, content }
}

describe('A producer', () => {
  test('is told 200 for what is new, with its numbers and the tail', async () => {
    const { post, send } = await opened()
    const answer = await post(producer(0, 0))
    expect(answer.status).toBe(200)
    expect(answer.headers.get(Header.producerEpoch)).toBe('0')
    expect(answer.headers.get(Header.producerSeq)).toBe('0')
    expect(nextOf(answer)).toBe(nextOf(await send('HEAD', s)))
  })

  test.each([
    [[Header.producerId]],
    [[Header.producerEpoch]],
    [[Header.producerSeq]],
    [[Header.producerId, Header.producerEpoch]],
    [[Header.producerId, Header.producerSeq]],
    [[Header.producerEpoch, Header.producerSeq]],
  ])('[row 11] with %j alone is 400', async given => {
    const { post, content } = await opened()
    const all = producer(0, 0)
    const answer = await post(Object.fromEntries(given.map(header => [header, all[header] ?? ''])))
    expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
    expect(await content()).toBe('')
  })

  test('[row 12] without a name is 400; a name has at most 256 characters', async () => {
    const { post } = await opened()
    expect((await post(producer(0, 0, ''))).status).toBe(400)
    expect((await post(producer(0, 0, 'p'.repeat(257)))).status).toBe(400)
    expect((await post(producer(0, 0, 'p'.repeat(256)))).status).toBe(200)
  })

  test.each(['-1', '1e3', '1abc', '0xyz', '0x1', '1.5', '+1', '01', '', ' ', 'NaN', '١'])(
    '[row 13] with the number %j is 400',
    async number => {
      const { post, content } = await opened()
      // A field's value is Latin-1; digits of other scripts arrive as their bytes.
      const value = Buffer.from(number).toString('latin1')
      for (const headers of [producer(value, 0), producer(0, value)]) {
        const answer = await post(headers)
        expect([answer.status, await codeOf(answer)]).toEqual([400, ErrorCode.invalidRequest])
      }
      expect(await content()).toBe('')
    },
  )

  test('[row 14] counts up to 2^53 - 1 and no further', async () => {
    const { post } = await opened()
    for (const number of ['9007199254740992', '9007199254740993', `1${'0'.repeat(30)}`]) {
      expect((await post(producer(number, 0))).status).toBe(400)
      expect((await post(producer(0, number))).status).toBe(400)
    }
    expect((await post(producer('9007199254740991', 0))).status).toBe(200)
    expect((await post(producer('9007199254740991', '9007199254740991'))).status).toBe(409)
  })

  test('[row 15] of an older epoch is 403 and told the current one', async () => {
    const { post, content } = await opened()
    await post(producer(5, 0), 'new')
    const answer = await post(producer(4, 1), 'zombie')
    expect([answer.status, await codeOf(answer)]).toEqual([403, ErrorCode.producerFenced])
    expect(answer.headers.get(Header.producerEpoch)).toBe('5')
    expect(await content()).toBe('new')
    expect((await post(producer(6, 0))).status).toBe(200)
  })

  test('[row 16] of a newer epoch that does not start at 0 is 400', async () => {
    const { post, content } = await opened()
    await post(producer(0, 0))
    for (const seq of [1, 2]) expect((await post(producer(1, seq))).status).toBe(400)
    expect(await content()).toBe('x')
  })

  test('[row 17] that leaves a gap is 409 and told what is missing', async () => {
    const { post, content } = await opened()
    await post(producer(0, 0))
    const answer = await post(producer(0, 7))
    expect([answer.status, await codeOf(answer)]).toEqual([409, ErrorCode.producerGap])
    expect(answer.headers.get(Header.producerExpectedSeq)).toBe('1')
    expect(answer.headers.get(Header.producerReceivedSeq)).toBe('7')
    expect(answer.headers.get(Header.closed)).toBeNull()
    expect(await content()).toBe('x')
  })

  test('[row 18] that sends a batch again is 204, whatever the body, and told its highest', async () => {
    const { post, content } = await opened()
    for (const [seq, body] of ['a', 'b', 'c'].entries()) await post(producer(0, seq), body)
    const answer = await post(producer(0, 1), 'other')
    expect(answer.status).toBe(204)
    expect(answer.headers.get(Header.producerEpoch)).toBe('0')
    expect(answer.headers.get(Header.producerSeq)).toBe('2')
    expect(await content()).toBe('abc')
  })

  test('[row 19] never seen that begins with epoch 0 and sequence 5 is 409', async () => {
    const { post } = await opened()
    const answer = await post(producer(0, 5))
    expect(answer.status).toBe(409)
    expect(answer.headers.get(Header.producerExpectedSeq)).toBe('0')
    expect(answer.headers.get(Header.producerReceivedSeq)).toBe('5')
  })

  test('[row 20] never seen that begins in the middle of a later epoch is 400', async () => {
    const { post } = await opened()
    expect((await post(producer(3, 2))).status).toBe(400)
    expect((await post(producer(3, 0))).status).toBe(200)
  })

  test('[row 21] of an older epoch on a closed stream is 403', async () => {
    const { post } = await opened()
    await post(producer(1, 0))
    await post({ ...producer(1, 1), ...closing })
    const answer = await post(producer(0, 1))
    expect([answer.status, answer.headers.get(Header.producerEpoch)]).toEqual([403, '1'])
  })

  test('[row 22] that closed the stream is told so again; another batch that it is closed', async () => {
    const { post, content } = await opened()
    await post(producer(0, 0))
    const closed = await post({ ...producer(0, 1), ...closing }, 'end')
    expect([closed.status, closed.headers.get(Header.closed)]).toEqual([200, 'true'])
    for (const headers of [{ ...producer(0, 1), ...closing }, producer(0, 1)]) {
      const again = await post(headers, 'end')
      expect([again.status, again.headers.get(Header.closed)]).toEqual([204, 'true'])
      expect(again.headers.get(Header.producerSeq)).toBe('1')
      expect(nextOf(again)).toBe(nextOf(closed))
    }
    for (const headers of [
      producer(0, 0),
      producer(0, 2),
      producer(0, 1, 'q'),
      { ...producer(0, 2), ...closing },
    ]) {
      const other = await post(headers)
      expect([other.status, other.headers.get(Header.closed)]).toEqual([409, 'true'])
    }
    expect(await content()).toBe('xend')
  })

  test('that closes without a body is 204, and again', async () => {
    const { send } = await opened()
    for (let round = 0; round < 2; round++) {
      const answer = await send('POST', s, { headers: { ...producer(0, 0), ...closing } })
      expect([answer.status, answer.headers.get(Header.closed)]).toEqual([204, 'true'])
      expect(answer.headers.get(Header.producerSeq)).toBe('0')
    }
  })

  test('counts on each stream for itself', async () => {
    const { post, send } = await opened()
    await post(producer(0, 0))
    await send('PUT', stream('t'), text)
    const other = await send('POST', stream('t'), { ...text, body: 'y', headers: producer(0, 0) })
    expect(other.status).toBe(200)
  })

  test('of a stream that was deleted is new to the next one of its name', async () => {
    const { post, send } = await opened()
    await post(producer(4, 0))
    await send('DELETE', s)
    await send('PUT', s, text)
    expect((await post(producer(0, 0))).status).toBe(200)
  })
})
