// SPDX-License-Identifier: MIT
// An upgrade to a WebSocket that is refused is answered by HTTP, which is all that there is before the socket is one.
import type { Duplex } from 'node:stream'
import { problem, type TmiError } from './errors.ts'

const reasons: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
}

export function refuseUpgrade(socket: Duplex, e: TmiError): void {
  const body = JSON.stringify(problem(e, 'upgrade'))
  const headers = Object.entries(e.headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join('')
  socket.on('error', () => {})
  socket.end(
    `HTTP/1.1 ${e.status} ${reasons[e.status] ?? 'Error'}\r\nContent-Type: application/problem+json\r\n` +
      'X-Content-Type-Options: nosniff\r\nCache-Control: no-store\r\n' +
      `Content-Length: ${Buffer.byteLength(body)}\r\n${headers}Connection: close\r\n\r\n${body}`,
  )
}

interface Socket {
  prependListener(event: 'message', on: () => void): unknown
  removeAllListeners(event: 'message'): unknown
  close(code: number, reason: string): void
  terminate(): void
}

/** So many messages a second, and so many at once; who sends more is closed with 4429, and heard no longer. */
export function limitMessages(ws: Socket, perSecond: number, atOnce: number): void {
  let left = atOnce
  let at = performance.now()
  ws.prependListener('message', () => {
    const now = performance.now()
    left = Math.min(atOnce, left + ((now - at) / 1000) * perSecond)
    at = now
    if (--left >= 0) return
    ws.removeAllListeners('message')
    ws.close(4429, 'TM400 too many messages')
    setTimeout(() => ws.terminate(), 1000).unref()
  })
}
