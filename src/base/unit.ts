// SPDX-License-Identifier: MIT
// What every unit under the supervisor does alike: end on one signal, say when it is ready, die with its parent.
import { observe } from './observe.ts'

const ending = new AbortController()

/** Aborted when the unit shall end. */
export const ended: AbortSignal = ending.signal

export function ready(): void {
  process.send?.({ type: 'ready' })
  observe({ kind: 'unit.ready', ms: Math.round(performance.now()) })
}

/** Runs a unit's main part; leaves with 0 when it returns, with 1 and a line in the log when it throws. */
export function endWith(main: () => Promise<void>): void {
  const end = () => ending.abort()
  process.once('SIGTERM', end)
  process.once('SIGINT', end)
  // The supervisor is gone, whatever happened to it: no unit may live on without one.
  process.once('disconnect', end)
  process.on('unhandledRejection', (e) => {
    const error = e instanceof Error ? e : new Error(String(e))
    observe({
      kind: 'error',
      level: 'error',
      code: 'TM500',
      message: `unhandled rejection: ${error.message}`,
      stack: error.stack,
    })
  })
  main().then(
    () => process.exit(0),
    (e: unknown) => {
      if (ending.signal.aborted) process.exit(0)
      const error = e instanceof Error ? e : new Error(String(e))
      observe({ kind: 'error', level: 'error', code: 'TM500', message: error.message, stack: error.stack })
      process.exit(1)
    },
  )
}
