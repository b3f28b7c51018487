import { readBody } from './body.ts'
import { StreamError } from './error.ts'
import { send } from './request.ts'
import { type RequestOptions, retrying } from './retry.ts'
import type { Settings } from './settings.ts'

/** PROTOCOL 5.4. A stream that is gone when a lost answer is asked for again was removed by us. */
export const remove = (settings: Settings, options: RequestOptions): Promise<void> =>
  retrying(settings, options, async (attempt, { unsure }) => {
    try {
      const { response } = await send(settings, attempt, {
        method: 'DELETE',
        query: options.query,
        limitMs: settings.timeoutMs,
      })
      await readBody(attempt, response, settings.timeoutMs)
    } catch (error) {
      if (!(unsure && error instanceof StreamError && error.status === 404)) throw error
    }
  })
