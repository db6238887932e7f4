// SPDX-License-Identifier: MIT
// The MQTT door on a real database and a real hub, with a publisher that acknowledges when the test says so.
import { after, before, beforeEach } from 'node:test'
import mqtt from 'mqtt'
import { sleep } from '../../src/base/retry.ts'
import { type Access, openAccess } from '../../src/db/access.ts'
import { type Intake, openIntake } from '../../src/edge/intake.ts'
import { type MqttIntake, type MqttPlace, openMqtt } from '../../src/edge/mqtt.ts'
import { openFeed } from '../../src/live/feed.ts'
import { type Hub, openHub } from '../../src/live/hub.ts'
import type { Refused, Row } from '../../src/nats-bridge/frame.ts'
import type { Publisher } from '../../src/nats-bridge/publish.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

export class World {
  db!: TestDatabase
  access!: Access
  hub!: Hub
  intake!: Intake
  door!: MqttIntake
  published: Row[] = []
  refused: Refused[] = []
  acknowledge: Promise<void> = Promise.resolve()
  readonly #clients: mqtt.MqttClient[] = []
  readonly #stack = new AsyncDisposableStack()

  async open(place: Partial<MqttPlace>): Promise<void> {
    this.db = this.#stack.use(await testDatabase())
    this.access = this.#stack.use(await openAccess(this.db.url('tmidb_edge')))
    this.hub = this.#stack.use(await openHub(this.db.url('tmidb_api'), this.access))
    const publisher: Publisher = {
      publish: async (rows) => {
        this.published.push(...rows)
        await this.acknowledge
      },
      refuse: async (r) => {
        this.refused.push(r)
        await this.acknowledge
      },
      async [Symbol.asyncDispose]() {},
    }
    this.intake = openIntake({ access: this.access, publisher, edgeUrl: this.db.url('tmidb_edge') })
    const feed = this.#stack.use(openFeed(this.db.url('tmidb_api'), this.hub))
    this.door = this.#stack.use(await openMqtt(this.intake, { host: '127.0.0.1', port: 0, ...place }, feed))
  }

  async close(): Promise<void> {
    for (const c of this.#clients) await c.endAsync(true).catch(() => {})
    await this.#stack.disposeAsync()
  }

  /** The token that a call of SQL returns. */
  async token(sql: string): Promise<string> {
    return (await this.db.query<{ token: string }>(`select ${sql} as token`))[0]?.token ?? ''
  }

  async connect(token: string, options: mqtt.IClientOptions = {}): Promise<mqtt.MqttClient> {
    const client = await mqtt.connectAsync(`mqtt://127.0.0.1:${this.door.port}`, {
      protocolVersion: 4,
      username: 'd',
      password: token,
      reconnectPeriod: 0,
      connectTimeout: 3000,
      ...options,
    })
    client.on('error', () => {})
    this.#clients.push(client)
    return client
  }
}

export function mqttWorld(prepare: (world: World) => Promise<void>, place: () => Partial<MqttPlace> = () => ({})): World {
  const world = new World()
  before(async () => {
    await world.open(place())
    await prepare(world)
  })
  after(() => world.close())
  beforeEach(() => {
    world.published = []
    world.refused = []
    world.acknowledge = Promise.resolve()
  })
  return world
}

export const closing = (client: mqtt.MqttClient) => new Promise<boolean>((resolve) => client.once('close', () => resolve(true)))

export async function until(what: string, is: () => boolean, ms = 5000): Promise<void> {
  for (const end = Date.now() + ms; !is(); await sleep(5)) if (Date.now() > end) throw new Error(`not within ${ms} ms: ${what}`)
}

export interface Heard {
  topic: string
  retain: boolean
  qos: number
  category: string
  target: string
  ts: string
  data: Record<string, unknown>
}

/** What a client hears, in order. */
export function ears(client: mqtt.MqttClient): Heard[] {
  const heard: Heard[] = []
  client.on('message', (topic, payload, packet) => {
    heard.push({
      topic,
      retain: packet.retain,
      qos: packet.qos,
      ...(JSON.parse(String(payload)) as Omit<Heard, 'topic' | 'retain' | 'qos'>),
    })
  })
  return heard
}
