// SPDX-License-Identifier: MIT
// The demo's listener: one WebSocket that goes on from its cursor after a break.
import { sleep } from '../base/retry.ts'

export interface LiveMessage {
  type: string
  cursor?: string
  category?: string
  target?: string
  ts?: string
  data?: Record<string, unknown>
}

/** Resolves when the first connection is ready; on gets every event until the signal. */
export async function listen(base: string, token: string, signal: AbortSignal, on: (event: LiveMessage) => void): Promise<void> {
  let cursor: string | undefined
  const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
  signal.addEventListener('abort', () => reject(signal.reason), { once: true })
  const run = async () => {
    while (!signal.aborted) {
      const url = new URL(`${base.replace(/\/tmi\/ws$/, '')}/ws/demo`)
      url.searchParams.set('token', token)
      if (cursor) url.searchParams.set('since', cursor)
      await follow(url, signal, (m) => {
        cursor = m.cursor ?? cursor
        if (m.type === 'ready') resolve()
        else if (m.type === 'event') on(m)
      })
      await sleep(500, signal).catch(() => {})
    }
  }
  void run()
  await ready
}

async function follow(url: URL, signal: AbortSignal, onMessage: (m: LiveMessage) => void): Promise<void> {
  await new Promise<void>((resolve) => {
    const socket = new WebSocket(url)
    socket.addEventListener('message', (e) => onMessage(JSON.parse(String(e.data)) as LiveMessage))
    socket.addEventListener('close', () => resolve())
    socket.addEventListener('error', () => resolve())
    signal.addEventListener('abort', () => socket.close(), { once: true })
  })
}
