// SPDX-License-Identifier: MIT
// Work on what strangers wrote, in a thread of its own: an endless loop is ended, a full heap or an error deep in a parser ends the
// thread and not the process, and the event loop beside it goes on.
import { Worker } from 'node:worker_threads'
import type { ErrorCode } from './error-codes.ts'
import { TmiError } from './errors.ts'

export interface ThreadOptions {
  timeoutMs: number
  heapMb: number
  signal?: AbortSignal
}

/** What a thread posts: its result, or an error with a code of ours. */
export type Posted<T> = { result: T } | { code: ErrorCode; message: string }

export async function inThread<T>(file: URL, data: unknown, options: ThreadOptions): Promise<T> {
  const worker = new Worker(file, {
    workerData: data,
    // Not our --import: the leash belongs to the process. And nothing of our environment.
    execArgv: ['--disable-warning=ExperimentalWarning'],
    env: {},
    resourceLimits: { maxOldGenerationSizeMb: options.heapMb },
  })
  let timer: NodeJS.Timeout | undefined
  let onAbort: (() => void) | undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      timer = setTimeout(
        () => reject(new TmiError('TM222', `It took longer than ${Math.round(options.timeoutMs / 1000)} s.`)),
        options.timeoutMs,
      )
      onAbort = () => reject(options.signal?.reason)
      options.signal?.addEventListener('abort', onAbort)
      worker.on('message', (m: Posted<T>) => ('result' in m ? resolve(m.result) : reject(new TmiError(m.code, m.message))))
      worker.on('error', (cause) => reject(new TmiError('TM222', `It could not be read: ${cause.message}.`, { cause })))
      worker.on('exit', () => reject(new TmiError('TM222', 'Reading it ended without a result.')))
    })
  } finally {
    clearTimeout(timer)
    if (onAbort) options.signal?.removeEventListener('abort', onAbort)
    await worker.terminate()
  }
}
