// SPDX-License-Identifier: MIT
// MQTT 3.1.1 in: tmi/in/{category}/{target}, the token as password (or as user name). PUBACK and PUBREC are written only after
// JetStream's fsynced acknowledgement, because aedes waits for authorizePublish. MQTT has no words for a refusal: a message that
// the gate refuses is acknowledged and kept in raw_bucket, and its sender is told on tmi/verdict if it subscribed to that; what a
// token may not do closes the connection and is audited.
import { createServer, type Server } from 'node:net'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import { errorTable, fromPg, TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import type { Identity } from '../db/access.ts'
import { shardOf } from '../nats-bridge/shard.ts'
import type { Intake } from './intake.ts'

const mostBytes = 1024 * 1024
const verdictTopic = 'tmi/verdict'

interface Device extends Client {
  identity?: Identity
  token?: string
  wantsVerdicts?: boolean
  /** Messages of QoS 2 that are being taken, by their ids. */
  taking?: Map<number, Promise<void>>
}

export interface MqttIntake extends AsyncDisposable {
  port: number
}

export async function openMqtt(intake: Intake, where: { host: string; port: number }): Promise<MqttIntake> {
  const devices = new Set<Device>()
  const broker = await Aedes.createBroker({
    heartbeatInterval: 60_000,
    connectTimeout: 10_000,
    authenticate: (client, username, password, done) => {
      const token = password !== undefined && password.length > 0 ? password.toString() : username
      intake.access.identify(token ? `Bearer ${token}` : undefined).then(
        (identity) => {
          if (identity.claims.speaker_id === undefined) return done(refusal(identity.kind === 'anonymous' ? 4 : 5), false)
          Object.assign(client, { identity, token })
          devices.add(client as Device)
          done(null, true)
        },
        (e: unknown) => done(refusal(e instanceof TmiError && e.status < 500 ? 4 : 3), false),
      )
    },
    authorizePublish: (client, packet, done) => {
      if (client === null) return done(null)
      const take = () => publish(intake, client as Device, packet.topic, packet.payload as Buffer)
      const isKnown = () => (broker as unknown as Persistent).persistence.incomingGetPacket(client, packet)
      const taken = packet.qos === 2 ? takeOnce(client as Device, packet as Exact, take, isKnown) : take()
      taken.then(
        () => done(null),
        (e: unknown) => done(fromPg(e)),
      )
    },
    authorizeSubscribe: (client, subscription, done) => {
      if (subscription.topic !== verdictTopic) return done(null, null)
      ;(client as Device).wantsVerdicts = true
      done(null, subscription)
    },
  })
  broker.on('clientError', (_client, e) => observe({ kind: 'log', level: 'debug', message: `MQTT client: ${e.message}` }))
  broker.on('connectionError', (_client, e) => observe({ kind: 'log', level: 'debug', message: `MQTT connection: ${e.message}` }))
  broker.on('clientDisconnect', (client) => devices.delete(client as Device))
  const offChange = intake.access.onChange(() => {
    for (const device of devices) void recheck(intake, device)
  })

  const server: Server = createServer(broker.handle)
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(where.port, where.host, 1024, resolve)
  })
  return {
    port: (server.address() as { port: number }).port,
    async [Symbol.asyncDispose]() {
      offChange()
      server.close()
      await new Promise<void>((resolve) => broker.close(resolve))
    },
  }
}

/** What aedes' types leave out. */
interface Persistent {
  persistence: { incomingGetPacket(client: Client, packet: object): Promise<unknown> }
}

interface Exact {
  messageId: number
  dup: boolean
}

/** What is sent again before its PUBREL is the same message; aedes knows that only behind authorizePublish, where it is stored already. */
async function takeOnce(
  device: Device,
  { messageId, dup }: Exact,
  take: () => Promise<void>,
  isKnown: () => Promise<unknown>,
): Promise<void> {
  device.taking ??= new Map()
  const { taking } = device
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

async function publish(intake: Intake, device: Device, topic: string, payload: Buffer): Promise<void> {
  const identity = device.identity as Identity
  // MQTT itself forbids it (1.5.3-2: close the connection), and no text column can keep it.
  if (topic.includes('\0')) throw await denied(intake, device, topic.replaceAll('\0', '\ufffd'), new TmiError('TM208'))
  const [root, way, category, ...rest] = topic.split('/')
  const target = rest.join('/')
  if (root !== 'tmi' || way !== 'in' || !category)
    throw await denied(intake, device, topic, new TmiError('TM102', 'Publish to tmi/in/{category}/{target}.'))
  if (payload.length > mostBytes) throw await denied(intake, device, topic, new TmiError('TM212'))
  try {
    const body = Buffer.isBuffer(payload) ? payload : Buffer.from(payload)
    const verdict = await intake.take({ identity, category, target: target || null, body, format: 'json' })
    const [first] = verdict.rejected
    if (verdict.accepted === 0 && first !== undefined && errorTable[first.code].status === 403)
      throw new TmiError(first.code, first.message)
    for (const r of verdict.rejected) tell(device, { topic, code: r.code, message: r.message, index: r.index })
    for (const r of verdict.quarantined) tell(device, { topic, code: r.code, message: r.message, index: r.index })
    const refused = verdict.rejected[0]
    if (refused) await keep(intake, identity, category, target, refused.code, refused.message, payload)
  } catch (thrown) {
    const e = fromPg(thrown)
    if (e.status === 401 || e.status === 403) throw await denied(intake, device, topic, e)
    // Nothing was taken: no PUBACK, the device sends again.
    if (e.status === 429 || e.status >= 500) throw e
    await keep(intake, identity, category, target, e.code, e.message, payload)
    tell(device, { topic, code: e.code, message: e.message, hint: e.hint })
  }
}

async function keep(
  intake: Intake,
  identity: Identity,
  category: string,
  target: string,
  code: string,
  message: string,
  payload: Buffer,
) {
  await intake.publisher.refuse({
    code,
    message,
    speaker: identity.claims.speaker_id as string,
    shard: shardOf(target),
    category,
    target: target || null,
    raw: Buffer.from(payload).toString('base64'),
  })
}

async function denied(intake: Intake, device: Device, topic: string, e: TmiError): Promise<TmiError> {
  tell(device, { topic, code: e.code, message: e.message, hint: e.hint })
  await intake.access
    .audit('mqtt.denied', device.identity?.name ?? null, { topic: topic.slice(0, 300), code: e.code, client: device.id })
    .catch((cause: unknown) => observe({ kind: 'log', level: 'warn', message: `audit failed: ${(cause as Error).message}` }))
  return e
}

function tell(device: Device, verdict: object): void {
  if (!device.wantsVerdicts) return
  device.publish(
    { cmd: 'publish', topic: verdictTopic, payload: JSON.stringify(verdict), qos: 0, retain: false, dup: false },
    () => {},
  )
}

/** Rights changed: a connection whose token opens nothing any more is closed. */
async function recheck(intake: Intake, device: Device): Promise<void> {
  try {
    device.identity = await intake.access.identify(`Bearer ${device.token}`)
  } catch (e) {
    if (e instanceof TmiError && e.status === 401) device.close()
  }
}

/** CONNACK 3: server unavailable, 4: bad user name or password, 5: not authorized. */
function refusal(returnCode: 3 | 4 | 5): AuthenticateError {
  return Object.assign(new Error('refused'), { returnCode }) as AuthenticateError
}
