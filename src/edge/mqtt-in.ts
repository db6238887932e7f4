// SPDX-License-Identifier: MIT
// What a speaker publishes: tmi/in/{category}/{target}, or ThingsBoard's topics. It resolves when the message may be acknowledged.
import { fromPg, TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { pace } from '../db/admit.ts'
import type { Incoming, Intake } from './intake.ts'
import { keep, takeOrKeep } from './keep.ts'
import { denied, type MqttClient, tell } from './mqtt-client.ts'
import { thingsboardBody, thingsboardGatewayBody } from './thingsboard.ts'

const mostBytes = 1024 * 1024

interface Address {
  category: string
  target: string | null
  translate?: (body: Buffer) => Buffer
}

/** Rejects with what ends the connection unacknowledged: what the token may not do, or that nothing could be taken. */
export async function takePublish(intake: Intake, client: MqttClient, topic: string, payload: Buffer | string): Promise<void> {
  const identity = client.identity as Identity
  // MQTT itself forbids it (1.5.3-2: close the connection), and no text column can keep it.
  if (topic.includes('\0')) throw await denied(intake, client, topic.replaceAll('\0', '\ufffd'), new TmiError('TM208'))
  if (identity.claims.speaker_id === undefined) throw await denied(intake, client, topic, new TmiError('TM102'))
  const address = addressOf(topic, identity)
  if (address === 'nobody') return tell(client, { topic, code: 'TM301', message: 'Nobody answers this here.' })
  if (address === null) throw await denied(intake, client, topic, new TmiError('TM102', 'Publish to tmi/in/{category}/{target}.'))
  if (payload.length > mostBytes) throw await denied(intake, client, topic, new TmiError('TM212'))
  // While the streams are full nothing is acknowledged, and aedes reads no further from a socket whose message is not done.
  await intake.room()
  // Nor while its limit is used up: it goes on in the next minute, unless it was shut out meanwhile.
  const turn = pace(intake.access, identity, client.caller ?? {})
  if (turn !== null) await turn
  if (turn !== null && client.closed) throw new TmiError('TM101')
  const { category, target, translate } = address
  const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload)
  const message: Incoming = { identity, category, target, body, format: 'json' }
  try {
    const verdict = await takeOrKeep(intake, translate ? { ...message, body: translate(body) } : message)
    if (verdict instanceof TmiError) return tell(client, words(topic, verdict))
    for (const r of verdict.rejected) tell(client, { topic, code: r.code, message: r.message, index: r.index })
    for (const r of verdict.quarantined) tell(client, { topic, code: r.code, message: r.message, index: r.index })
  } catch (thrown) {
    const e = fromPg(thrown)
    if (e.status === 401 || e.status === 403) throw await denied(intake, client, topic, e)
    // Nothing was taken: no PUBACK, the device sends again.
    if (e.status === 429 || e.status >= 500) throw e
    // What cannot even be translated.
    await keep(intake, message, e.code, e.message)
    tell(client, words(topic, e))
  }
}

const words = (topic: string, e: TmiError) => ({ topic, code: e.code, message: e.message, hint: e.hint })

/** ThingsBoard's firmware asks for attributes and calls too: 'nobody' answers, which is no reason to cut it off. */
function addressOf(topic: string, identity: Identity): Address | 'nobody' | null {
  if (topic.startsWith('v1/')) {
    const own = identity.target ?? identity.name
    switch (topic) {
      case 'v1/devices/me/telemetry':
        return { category: 'telemetry', target: own, translate: thingsboardBody }
      case 'v1/devices/me/attributes':
        return { category: 'attributes', target: own, translate: thingsboardBody }
      case 'v1/gateway/telemetry':
        return { category: 'telemetry', target: null, translate: thingsboardGatewayBody }
      case 'v1/gateway/attributes':
        return { category: 'attributes', target: null, translate: thingsboardGatewayBody }
    }
    return topic.startsWith('v1/devices/me/') || topic.startsWith('v1/gateway/') ? 'nobody' : null
  }
  const [root, way, category, ...rest] = topic.split('/')
  if (root !== 'tmi' || way !== 'in' || !category) return null
  return { category, target: rest.join('/') || null }
}

/** What of a message of QoS 2 tells it from another. */
interface Exact {
  messageId: number
  dup: boolean
}

/** What is sent again before its PUBREL is the same message; aedes knows that only behind authorizePublish, where it is stored already. */
export async function takeOnce(
  client: MqttClient,
  { messageId, dup }: Exact,
  take: () => Promise<void>,
  isKnown: () => Promise<unknown>,
): Promise<void> {
  client.taking ??= new Map()
  const { taking } = client
  if (dup) {
    const before = taking.get(messageId)
    if (before !== undefined) return await before
    const known = await isKnown().then(
      () => true,
      () => false,
    )
    if (known) return
  }
  const taken = take()
  taking.set(messageId, taken)
  try {
    await taken
  } finally {
    // aedes writes it down first, within this turn of the event loop.
    setImmediate(() => {
      if (taking.get(messageId) === taken) taking.delete(messageId)
    })
  }
}
