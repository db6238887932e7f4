// SPDX-License-Identifier: MIT
// Everything that may be set from outside. Flags win over environment, environment over these defaults.
import { resolve } from 'node:path'
import { TmiError } from './errors.ts'
import { readOrigins } from './origin.ts'
import { type Proxies, readProxies } from './proxies.ts'

export interface Config {
  dataDir: string
  host: string
  httpPort: number
  mqttPort: number
  mqttsPort: number
  pgPort: number
  natsPort: number
  natsHttpPort: number
  /** An own PostgreSQL (superuser URL): it is checked, not started. */
  pgUrl?: string
  /** An own NATS server: it is checked, not started. */
  natsUrl?: string
  /** With an own NATS server: what its outside clients publish with. */
  natsClientUrl?: string
  natsBin?: string
  cacheDir?: string
  /** The PEM files that make HTTP and MQTT speak TLS. */
  tls?: Tls
  /** Under which user PostgreSQL and NATS run when we are root. */
  runUid: number
  /** Web pages of other addresses that may use the API and its sockets. */
  allowedOrigins: string[]
  /** In front of the HTTP port: what they say of where a request comes from is believed. */
  trustedProxies: Proxies
  /** All that the streams may hold together; beyond nine tenths of it the ways in refuse. */
  streamMaxBytes: number
  /** Bytes that have to be free on each volume of the data folder; null: 1 %, at least 200 MB. */
  minFree: number | null
  allowUnsafe: boolean
}

export interface Tls {
  cert: string
  key: string
}

/** By default 1 % of a volume, at least 200 MB, has to be free: some seconds of the fastest intake, and what PostgreSQL needs to go on. */
export const leastFree = (volumeBytes: number): number => Math.max(volumeBytes / 100, 200 * 1024 * 1024)

/** Only this machine can reach what listens there. */
export function isLoopback(host: string): boolean {
  const bare = host.replace(/^\[|\]$/g, '')
  return bare === 'localhost' || bare === '::1' || /^127(\.\d+){3}$/.test(bare)
}

export interface UnitConfig {
  dataDir: string
  host: string
  httpPort: number
  mqttPort: number
  mqttsPort: number
  tls?: Tls
  natsServer: string
  /** Hosts that connectors may ask although their addresses are private. */
  fetchAllow: string[]
  /** Web pages of other addresses that may use the API and its sockets. */
  allowedOrigins: string[]
  trustedProxies: Proxies
  streamMaxBytes: number
  minFree: number | null
  pg: { api: string; edge: string; drain: string; worker: string }
}

type Env = Record<string, string | undefined>

export function loadConfig(env: Env = process.env): Config {
  const natsPort = port(env, 'TMIDB_NATS_PORT', 4223)
  return {
    dataDir: resolve(text(env, 'TMIDB_DATA') ?? './data'),
    host: text(env, 'TMIDB_HOST') ?? '127.0.0.1',
    httpPort: port(env, 'TMIDB_HTTP_PORT', 8080),
    mqttPort: port(env, 'TMIDB_MQTT_PORT', 1883),
    mqttsPort: port(env, 'TMIDB_MQTTS_PORT', 8883),
    pgPort: port(env, 'TMIDB_PG_PORT', 5433),
    natsPort,
    natsHttpPort: port(env, 'TMIDB_NATS_HTTP_PORT', natsPort + 1),
    pgUrl: text(env, 'TMIDB_PG_URL'),
    natsUrl: text(env, 'TMIDB_NATS_URL'),
    natsClientUrl: text(env, 'TMIDB_NATS_CLIENT_URL'),
    natsBin: text(env, 'TMIDB_NATS_BIN'),
    cacheDir: text(env, 'TMIDB_CACHE'),
    tls: tlsFiles(env),
    runUid: integer(env, 'TMIDB_RUN_UID', 65534, 1, 2 ** 31),
    allowedOrigins: readOrigins(env.TMIDB_ALLOWED_ORIGINS),
    trustedProxies: readProxies(env.TMIDB_TRUSTED_PROXIES),
    ...limits(env),
    allowUnsafe: env.TMIDB_ALLOW_UNSAFE === '1',
  }
}

/** What a unit gets from the supervisor. */
export function unitConfig(env: Env = process.env): UnitConfig {
  return {
    dataDir: resolve(needed(env, 'TMIDB_DATA')),
    host: text(env, 'TMIDB_HOST') ?? '127.0.0.1',
    httpPort: port(env, 'TMIDB_HTTP_PORT', 8080),
    mqttPort: port(env, 'TMIDB_MQTT_PORT', 1883),
    mqttsPort: port(env, 'TMIDB_MQTTS_PORT', 8883),
    tls: tlsFiles(env),
    natsServer: needed(env, 'TMIDB_NATS_SERVER'),
    fetchAllow: (text(env, 'TMIDB_FETCH_ALLOW') ?? '').split(/[\s,]+/).filter(Boolean),
    allowedOrigins: readOrigins(env.TMIDB_ALLOWED_ORIGINS),
    trustedProxies: readProxies(env.TMIDB_TRUSTED_PROXIES),
    ...limits(env),
    pg: {
      api: needed(env, 'TMIDB_PG_API'),
      edge: needed(env, 'TMIDB_PG_EDGE'),
      drain: needed(env, 'TMIDB_PG_DRAIN'),
      worker: needed(env, 'TMIDB_PG_WORKER'),
    },
  }
}

/** Where an administrator's own migrations are; as said, since it is printed with each file. */
export function migrationsDir(env: Env = process.env): string {
  return text(env, 'TMIDB_MIGRATIONS') ?? 'migrations'
}

function limits(env: Env): { streamMaxBytes: number; minFree: number | null } {
  return {
    // Four GB: about an hour of 1,000 readings/s a GB with PostgreSQL away.
    streamMaxBytes: integer(env, 'TMIDB_STREAM_MAX_BYTES', 4 * 2 ** 30, 8 * 2 ** 20, 2 ** 50),
    minFree: text(env, 'TMIDB_MIN_FREE') === undefined ? null : integer(env, 'TMIDB_MIN_FREE', 0, 0, 2 ** 50),
  }
}

function text(env: Env, name: string): string | undefined {
  return env[name] === '' ? undefined : env[name]
}

function tlsFiles(env: Env): Tls | undefined {
  const cert = text(env, 'TMIDB_TLS_CERT')
  const key = text(env, 'TMIDB_TLS_KEY')
  if (cert === undefined && key === undefined) return undefined
  if (cert === undefined || key === undefined) {
    const [set, missing] = cert === undefined ? ['TMIDB_TLS_KEY', 'TMIDB_TLS_CERT'] : ['TMIDB_TLS_CERT', 'TMIDB_TLS_KEY']
    throw new TmiError('TM501', `${set} is set without ${missing}.`, { hint: 'TLS needs both PEM files; set both or none.' })
  }
  return { cert: resolve(cert), key: resolve(key) }
}

function needed(env: Env, name: string): string {
  const value = text(env, name)
  if (value === undefined) {
    throw new TmiError('TM501', `${name} is not set.`, { hint: 'Start with "npm start": the supervisor sets it.' })
  }
  return value
}

function port(env: Env, name: string, otherwise: number): number {
  return integer(env, name, otherwise, 1, 65535)
}

function integer(env: Env, name: string, otherwise: number, min: number, max: number): number {
  const value = text(env, name)
  if (value === undefined) return otherwise
  const n = Number(value)
  if (!Number.isInteger(n) || n < min || n > max) {
    throw new TmiError('TM501', `${name}=${value} is not a number from ${min} to ${max}.`)
  }
  return n
}
