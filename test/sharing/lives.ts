import { expect } from 'vitest'
import type { Scene } from './scene.ts'
import type { Tab } from './tab.ts'

/** Somebody who opens the document, types something in it, and leaves. */
export const visit = async (scene: Scene, what = ''): Promise<Tab> => {
  const tab = scene.browser().open()
  await scene.until('somebody reads it', () => tab.provider.synced)
  if (what) tab.type(what)
  await scene.until('what they typed is saved', () => tab.provider.synced)
  tab.close()
  return tab
}

/** The document is deleted and created anew, and somebody types something in that one. */
export const remake = async (scene: Scene, what = ''): Promise<void> => {
  expect(await scene.operate('DELETE')).toBe(204)
  expect(await scene.operate('PUT')).toBe(201)
  if (what) await visit(scene, what)
}
