// SPDX-License-Identifier: MIT
// The doors of a running instance as its users open them: HTTP, MQTT, REST, GraphQL, WebSockets and SQL, each with one token.
import { type Client, createClient } from 'graphql-ws'
import mqtt from 'mqtt'
import pg from 'pg'
import WebSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import type { Connection } from '../../src/supervisor/connection.ts'

export type Json = Record<string, unknown>

/** Waits until `look` gives something true, and gives that. */
export async function until<T>(what: string, look: () => T | Promise<T>, ms = 10_000): Promise<NonNullable<T>> {
  const end = Date.now() + ms
  for (;;) {
    const found = await look()
    if (found) return found
    if (Date.now() > end) throw new Error(`${what}: not within ${ms} ms`)
    await sleep(20)
  }
}

export interface Answer<T = Json> {
  status: number
  body: T
  headers: Headers
}

export interface Doors {
  /** POST /api/in/{path}; a Buffer or a text goes as it is. */
  send(
    path: string,
    body: unknown,
    options?: { token?: string | null; headers?: Record<string, string>; method?: string },
  ): Promise<Answer>
  get<T = Json>(path: string, token: string | null, headers?: Record<string, string>): Promise<Answer<T>>
  graphql<T = Json>(token: string | null, query: string, variables?: Json): Promise<{ data: T; errors?: { message: string }[] }>
  /** A graphql-transport-ws client and what its subscriptions bring. */
  subscribe(token: string, query: string): Subscription
  socket(path: string, token: string | null): Socket
  device(token: string, options?: mqtt.IClientOptions): Promise<mqtt.MqttClient>
  /** Runs as this login, on a connection of its own. */
  sql<T = Json>(login: string, password: string, ...statements: string[]): Promise<T[]>
  close(): Promise<void>
}

export interface Subscription {
  /** What came, one entry a message. */
  seen: Json[]
  ended: Promise<unknown>
  closed: Promise<number>
  stop(): void
}

export interface Socket {
  seen: Json[]
  events(): Json[]
  say(message: object | string): void
  /** Resolves with the first message of the type. */
  first(type: string): Promise<Json>
  /** The close code; 0 and the HTTP status if it was never opened. */
  closed: Promise<{ code: number; status: number }>
  end(): void
}

export function openDoors(connection: Connection): Doors {
  const { http, postgres } = connection
  const ws = http.replace('http', 'ws')
  const open: (() => unknown)[] = []
  const bearer = (token: string | null): Record<string, string> => (token === null ? {} : { authorization: `Bearer ${token}` })

  return {
    async send(path, body, { token = connection.speaker.token, headers = {}, method = 'POST' } = {}) {
      const raw = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
      const response = await fetch(`${http}/api/in/${path}`, {
        method,
        headers: { 'content-type': 'application/json', ...bearer(token), ...headers },
        ...(method === 'GET' ? {} : { body: raw as string }),
      })
      return { status: response.status, body: (await response.json()) as Json, headers: response.headers }
    },
    async get<T>(path: string, token: string | null, headers: Record<string, string> = {}) {
      const response = await fetch(`${http}${path}`, { headers: { ...bearer(token), ...headers } })
      const text = await response.text()
      const isJson = response.headers.get('content-type')?.includes('json') === true
      return { status: response.status, body: (isJson ? JSON.parse(text) : text) as T, headers: response.headers }
    },
    async graphql<T>(token: string | null, query: string, variables?: Json) {
      const response = await fetch(`${http}/graphql`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', ...bearer(token) },
        body: JSON.stringify({ query, variables }),
      })
      return (await response.json()) as { data: T; errors?: { message: string }[] }
    },
    subscribe(token, query) {
      const ended = Promise.withResolvers<unknown>()
      const closed = Promise.withResolvers<number>()
      const client: Client = createClient({
        url: `${ws}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization: `Bearer ${token}` },
        on: { closed: (e) => closed.resolve((e as { code: number }).code) },
      })
      open.push(() => client.dispose())
      const seen: Json[] = []
      const stop = client.subscribe<Json>(
        { query },
        {
          next: (m) => seen.push((m.errors ? { errors: m.errors } : Object.values(m.data ?? {})[0]) as Json),
          error: (e) => ended.resolve(e),
          complete: () => ended.resolve('complete'),
        },
      )
      return { seen, ended: ended.promise, closed: closed.promise, stop }
    },
    socket(path, token) {
      const socket = new WebSocket(`${ws}${path}`, { headers: bearer(token) })
      open.push(() => socket.terminate())
      const seen: Json[] = []
      const closed = Promise.withResolvers<{ code: number; status: number }>()
      socket.on('error', () => {})
      socket.on('message', (data) => seen.push(JSON.parse(String(data)) as Json))
      socket.on('close', (code) => closed.resolve({ code, status: 0 }))
      socket.on('unexpected-response', (_req, res) => {
        closed.resolve({ code: 0, status: res.statusCode ?? 0 })
        socket.terminate()
      })
      return {
        seen,
        events: () => seen.filter((m) => m.type === 'event'),
        say: (message) => {
          const text = typeof message === 'string' ? message : JSON.stringify(message)
          if (socket.readyState === socket.OPEN) socket.send(text)
          else socket.once('open', () => socket.send(text))
        },
        first: (type) => until(`${type} on ${path}`, () => seen.find((m) => m.type === type)),
        closed: closed.promise,
        end: () => socket.close(),
      }
    },
    async device(token, options = {}) {
      const client = await mqtt.connectAsync(connection.mqtt, {
        protocolVersion: 4,
        username: 'device',
        password: token,
        reconnectPeriod: 0,
        connectTimeout: 5000,
        ...options,
      })
      client.on('error', () => {})
      open.push(() => client.endAsync(true).catch(() => {}))
      return client
    },
    async sql<T>(login: string, password: string, ...statements: string[]) {
      const url = new URL(postgres)
      url.username = encodeURIComponent(login)
      url.password = encodeURIComponent(password)
      const client = new pg.Client({ connectionString: url.href })
      client.on('error', () => {})
      await client.connect()
      try {
        let rows: T[] = []
        for (const text of statements) rows = (await client.query(text)).rows as T[]
        return rows
      } finally {
        await client.end()
      }
    },
    async close() {
      for (const end of open) await end()
    },
  }
}

/** A row or an event without what its door adds and without nulls: { target, ts, and the fields that are there }. */
export function plain(row: Json): Json {
  const {
    target_id: _id,
    reading_id: _digest,
    type: _type,
    cursor: _cursor,
    category: _category,
    version: _version,
    data,
    ...rest
  } = row
  const all = { ...rest, ...(data as Json | undefined) }
  const there = Object.entries(all).filter(([, value]) => value !== null)
  return Object.fromEntries(there.map(([key, value]) => [key, key === 'ts' ? String(value).replace('+00:00', 'Z') : value]))
}

export function byTime(rows: Json[]): Json[] {
  return rows.map(plain).sort((a, b) => (String(a.ts) < String(b.ts) ? -1 : 1))
}
