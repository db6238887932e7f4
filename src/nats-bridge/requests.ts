// SPDX-License-Identifier: MIT
// Requests of outside clients on a subject of ours, shared by all processes that serve it (queue group). An answer goes only to an
// inbox: the sender chooses the reply subject, and with ours we may write where it may not (the streams, JetStream's API).
import { headers } from '@nats-io/transport-node'
import type { NatsConnection } from './streams.ts'

export interface NatsRequest {
  subject: string
  data: Uint8Array
  header(name: string): string | undefined
  /** Whether the sender waits for an answer. */
  wantsReply: boolean
}

export interface NatsReply {
  body: string
  /** As in HTTP; the headers of NATS services carry it when it is an error. */
  status: number
}

/** Outside clients' inboxes begin so (every client library's default); our own processes' begin with inboxPrefix. */
const outsideInbox = '_INBOX.'

export function serveRequests(
  nc: NatsConnection,
  subject: string,
  queue: string,
  handle: (request: NatsRequest) => Promise<NatsReply>,
): Disposable {
  const subscription = nc.subscribe(subject, {
    queue,
    callback(error, m) {
      if (error) return
      const { reply } = m
      const wantsReply = reply?.startsWith(outsideInbox) === true
      const request: NatsRequest = {
        subject: m.subject,
        data: m.data,
        header: (name) => (m.headers?.has(name) ? m.headers.get(name) : undefined),
        wantsReply,
      }
      void handle(request).then(({ body, status }) => {
        if (!wantsReply || nc.isClosed()) return
        if (status < 400) return nc.publish(reply as string, body)
        const h = headers()
        h.set('Nats-Service-Error-Code', String(status))
        h.set('Nats-Service-Error', 'see the body')
        nc.publish(reply as string, body, { headers: h })
      })
    },
  })
  return { [Symbol.dispose]: () => subscription.unsubscribe() }
}
