import { expect, test } from 'vitest'
import { Scene } from './scene.ts'

test('[T89] what Yjs tells nobody of, for a listener of the app threw, reaches the other tabs and the log all the same', async () => {
  for (const at of [0, 1]) {
    const scene = new Scene()
    const tabs = scene.browser().openMany(2)
    const remote = scene.browser().open()
    await scene.settle()
    const tab = tabs[at]
    let isBroken = true
    tab?.doc.on('update', () => {
      if (isBroken) throw new Error('a fault of the app')
    })
    expect(() => tab?.type('1')).toThrow('a fault of the app')
    isBroken = false
    for (const letter of ['2', '3']) {
      tab?.type(letter)
      await scene.pass(1)
    }
    await scene.settle()
    expect([...scene.logged].sort().join('')).toBe('123')
    expect([remote.text, tabs[1 - at]?.text]).toEqual([scene.logged, scene.logged])
    expect(scene.wrong).toEqual([])
  }
})
