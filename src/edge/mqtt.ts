// SPDX-License-Identifier: MIT
// MQTT 3.1.1, plain and over TLS; the token as password (or as user name). Who writes publishes (mqtt-in.ts), who reads subscribes
// (mqtt-out.ts). PUBACK and PUBREC are written only after JetStream's fsynced acknowledgement, because aedes waits for
// authorizePublish. MQTT has no words for a refusal: a message that the gate refuses is acknowledged and kept in raw_bucket, and its
// sender is told on tmi/verdict if it subscribed to that; what a token may not do closes the connection and is audited.
import { createServer, type Socket } from 'node:net'
import { createServer as createTlsServer } from 'node:tls'
import { Aedes, type AuthenticateError, type Client } from 'aedes'
import { callerAt, isShutOut } from '../base/caller.ts'
import type { Tls } from '../base/config.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import { followTls, readTls } from '../base/tls.ts'
import { admit } from '../db/admit.ts'
import { isReader } from '../db/pool.ts'
import type { Intake } from './intake.ts'
import { type MqttClient, verdictTopic } from './mqtt-client.ts'
import { takeOnce, takePublish } from './mqtt-in.ts'
import { type Feed, follow, mayFollow, unfollow } from './mqtt-out.ts'

export interface MqttPlace {
  host: string
  port: number
  /** A second port that speaks TLS. */
  tls?: (Tls & { port: number }) | undefined
}

export interface MqttIntake extends AsyncDisposable {
  port: number
  tlsPort: number | null
}

/** Without a feed listeners are not let in. */
export async function openMqtt(intake: Intake, place: MqttPlace, feed?: Feed): Promise<MqttIntake> {
  const clients = new Set<MqttClient>()
  const broker = await Aedes.createBroker({
    heartbeatInterval: 60_000,
    connectTimeout: 10_000,
    drainTimeout: 20_000,
    preConnect: (client, packet, done) => {
      ;(client as MqttClient).connectPacket = packet as { clean: boolean }
      done(null, true)
    },
    authenticate: (client, username, password, done) => {
      const token = password !== undefined && password.length > 0 ? password.toString() : username
      letIn(intake, client as MqttClient, token, feed !== undefined).then(
        () => {
          clients.add(client as MqttClient)
          done(null, true)
        },
        (e: unknown) => done(refusal(e), false),
      )
    },
    authorizePublish: (client, packet, done) => {
      if (client === null) return done(null)
      // Last values come from the database; what aedes would keep would never be read and never forgotten.
      packet.retain = false
      const take = () => takePublish(intake, client as MqttClient, packet.topic, packet.payload)
      const isKnown = () => (broker as unknown as Persistent).persistence.incomingGetPacket(client, packet)
      const taken = packet.qos === 2 ? takeOnce(client as MqttClient, packet as never, take, isKnown) : take()
      taken.then(
        () => {
          // It is stored: up to 1,000 messages a client that wait for their PUBREL need not hold their megabytes.
          packet.payload = nothing
          done(null)
        },
        (e: unknown) => done(fromPg(e)),
      )
    },
    authorizeSubscribe: (client, subscription, done) => {
      if (subscription.topic === verdictTopic) {
        ;(client as MqttClient).wantsVerdicts = true
        return done(null, subscription)
      }
      mayFollow(intake, client as MqttClient, subscription).then(
        (granted) => done(null, granted),
        (e: unknown) => done(fromPg(e)),
      )
    },
  })
  broker.on('clientError', (_client, e) => observe({ kind: 'log', level: 'debug', message: `MQTT client: ${e.message}` }))
  broker.on('connectionError', (_client, e) => observe({ kind: 'log', level: 'debug', message: `MQTT connection: ${e.message}` }))
  broker.on('subscribe', (subscriptions, client) => {
    for (const { topic, qos } of subscriptions) {
      // 128: was refused.
      if (feed !== undefined && (qos as number) < 128) follow(feed, client as MqttClient, topic, qos)
    }
  })
  broker.on('unsubscribe', (topics, client) => unfollow(client as MqttClient, topics))
  broker.on('clientDisconnect', (gone) => {
    const client = gone as MqttClient
    clients.delete(client)
    unfollow(client, client.following?.keys() ?? [])
  })
  const offChange = intake.access.onChange(() => {
    for (const client of clients) void recheck(intake, client)
  })

  await using stack = new AsyncDisposableStack()
  stack.defer(() => new Promise<void>((resolve) => void broker.close(resolve)))
  const server = createServer(broker.handle)
  const port = await listen(server, place.host, place.port)
  stack.defer(() => void server.close())
  let tlsPort: number | null = null
  if (place.tls !== undefined) {
    const options = { minVersion: 'TLSv1.2', handshakeTimeout: 10_000 } as const
    const tlsServer = createTlsServer({ ...readTls(place.tls), ...options }, broker.handle as never)
    tlsServer.on('tlsClientError', (e) => observe({ kind: 'log', level: 'debug', message: `MQTT TLS: ${e.message}` }))
    stack.use(followTls(place.tls, (pair) => tlsServer.setSecureContext({ ...pair, ...options })))
    tlsPort = await listen(tlsServer, place.host, place.tls.port)
    stack.defer(() => void tlsServer.close())
  }
  stack.defer(offChange)
  const open = stack.move()
  return { port, tlsPort, [Symbol.asyncDispose]: () => open.disposeAsync() }
}

const nothing = Buffer.alloc(0)

/** What aedes' types leave out. */
interface Persistent {
  persistence: { incomingGetPacket(client: Client, packet: object): Promise<unknown> }
}

function listen(server: ReturnType<typeof createServer>, host: string, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, 1024, () => resolve((server.address() as { port: number }).port))
  })
}

async function letIn(intake: Intake, client: MqttClient, token: string | undefined, withListeners: boolean): Promise<void> {
  const caller = callerAt((client.conn as Socket).remoteAddress, token)
  const identity = await admit(intake.access, caller, 'live')
  if (identity.kind === 'anonymous') throw new TmiError('TM100')
  const isListener = withListeners && isReader(identity.claims.role)
  if (identity.claims.speaker_id === undefined && !isListener) throw new TmiError('TM102')
  // Ids are each speaker's own: nobody takes over another's session, or throws it out by its id.
  Object.assign(client, { identity, caller, ownId: client.id, id: `${identity.kind}/${identity.name}/${client.id}` })
  if (!isListener) return
  // Nothing is kept for a listener that is away; saying so (session present: no) makes it subscribe again, which gives it what stands.
  client.clean = true
  if (client.connectPacket) client.connectPacket.clean = true
}

/** Rights changed: a connection whose token opens nothing any more is closed. */
async function recheck(intake: Intake, client: MqttClient): Promise<void> {
  try {
    client.identity = await intake.access.identify(client.caller)
    if (client.identity.claims.speaker_id === undefined && !isReader(client.identity.claims.role)) client.close()
  } catch (e) {
    if (isShutOut(e)) client.close()
  }
}

/** CONNACK 3: server unavailable, 4: bad user name or password, 5: not authorized. */
function refusal(e: unknown): AuthenticateError {
  const status = e instanceof TmiError ? e.status : 500
  const returnCode = status >= 500 || status === 429 ? 3 : status === 403 ? 5 : 4
  return Object.assign(new Error('refused'), { returnCode }) as AuthenticateError
}
