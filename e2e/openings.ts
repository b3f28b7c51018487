import { test as plain } from 'vitest'
import { FaultyProxy } from '../test/faulty-proxy.ts'
import { Service } from './service.ts'
import { Site } from './site.ts'
import { launch, openProfile } from './window.ts'

/** A test is given what it asks for by name: opened for it, or once for its file, and closed afterwards. */
export const test = plain
  /** Of the service; a file may override them. */
  .extend('args', { scope: 'file' }, (): readonly string[] => [])
  .extend('host', { scope: 'file' }, async ({ args }, { onCleanup }) => {
    const service = await Service.open(...args)
    onCleanup(() => service.close())
    return service
  })
  /** Running, whatever the test before did to it. */
  .extend('service', async ({ host }) => {
    await host.start()
    return host
  })
  .extend('site', { scope: 'file' }, async ({ host }, { onCleanup }) => {
    const site = await Site.open(host)
    onCleanup(async () => void (await site.close()))
    return site
  })
  // biome-ignore lint/correctness/noEmptyPattern: Vitest reads from the pattern what a fixture needs, and insists on one
  .extend('browser', { scope: 'file' }, async ({}, { onCleanup }) => {
    const browser = await launch()
    onCleanup(() => browser.close())
    return browser
  })
  /** Where tabs share storage and connections. */
  .extend('profile', async ({ browser }, { onCleanup }) => {
    const profile = await openProfile(browser)
    onCleanup(() => profile.close())
    return profile
  })
  /** Before the service. */
  .extend('proxy', async ({ service }, { onCleanup }) => {
    const proxy = await FaultyProxy.open(service.port)
    onCleanup(async () => void (await proxy.close()))
    return proxy
  })

// In a hook, whose time is not the first test's.
test.beforeAll(({ browser, host }) => void [browser, host])
