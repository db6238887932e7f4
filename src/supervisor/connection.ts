// SPDX-License-Identifier: MIT
// $TMIDB_DATA/connection.json: where a running instance is and how to get in, for scripts and for people who lost the screen.
import { existsSync, readFileSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../base/config.ts'
import { hashPassword } from '../base/password.ts'
import { certifiedHost } from '../base/tls.ts'
import { type FirstRun, firstRun, knowsToken } from '../db/first-run.ts'
import { withLogin } from '../db/superuser.ts'
import { writeSecret } from './data-folder.ts'

export interface Connection {
  http: string
  graphql: string
  ws: string
  mqtt: string
  /** The file of the certificate that https and wss show. */
  certificate?: string
  /** MQTT over TLS; null without a certificate. */
  mqtts: string | null
  postgres: string
  /** For publishing on tmi.pub.>; it may do nothing else. */
  nats: string
  /** Port of the monitoring of our own NATS; null where NATS is somebody else's. */
  natsMonitor: number | null
  s3: string | null
  admin: { login: string; password: string }
  speaker: { name: string; token: string }
  listener: { name: string; token: string }
}

export interface Servers {
  /** Superuser's URL of the database. */
  pgUrl: string
  natsUrl: string
  adminPassword: string
}

export function connectionFile(dataDir: string): string {
  return join(dataDir, 'connection.json')
}

/** Reads the tokens of earlier starts or makes the first ones, and writes the addresses of this start. */
export async function connect(config: Config, servers: Servers): Promise<{ connection: Connection; first: boolean }> {
  const file = connectionFile(config.dataDir)
  // Tokens are written down before they are committed; which of the two a crash left undone, the database knows.
  const pending = `${file}.pending`
  if (existsSync(pending) && (await knows(servers.pgUrl, pending))) renameSync(pending, file)
  const known = existsSync(file) && (await knows(servers.pgUrl, file)) ? read(file) : null
  if (known) {
    const connection = describe(config, servers, known)
    writeSecret(file, text(connection))
    return { connection, first: false }
  }
  const hash = await hashPassword(servers.adminPassword)
  const made = await firstRun(servers.pgUrl, hash, (tokens) => writeSecret(pending, text(describe(config, servers, tokens))))
  renameSync(pending, file)
  return { connection: describe(config, servers, made), first: true }
}

function describe(config: Config, servers: Servers, tokens: FirstRun): Connection {
  const host = reachableHost(config.host)
  const { tls } = config
  const web = `${tls ? certifiedHost(tls, host) : host}:${config.httpPort}`
  return {
    http: `${tls ? 'https' : 'http'}://${web}`,
    graphql: `${tls ? 'https' : 'http'}://${web}/graphql`,
    ws: `${tls ? 'wss' : 'ws'}://${web}/tmi/ws`,
    mqtt: `mqtt://${host}:${config.mqttPort}`,
    ...(tls ? { certificate: tls.cert } : {}),
    mqtts: config.tls ? `mqtts://${certifiedHost(config.tls, host)}:${config.mqttsPort}` : null,
    postgres: withLogin(servers.pgUrl, 'admin', servers.adminPassword),
    nats: servers.natsUrl,
    natsMonitor: config.natsUrl ? null : config.natsHttpPort,
    s3: null,
    admin: { login: 'admin', password: servers.adminPassword },
    speaker: tokens.speaker,
    listener: tokens.listener,
  }
}

/** "All addresses" is where to listen, not where to go. */
function reachableHost(host: string): string {
  if (host === '0.0.0.0' || host === '') return '127.0.0.1'
  if (host === '::') return '[::1]'
  return host.includes(':') ? `[${host}]` : host
}

async function knows(url: string, file: string): Promise<boolean> {
  const token = read(file)?.speaker?.token
  return token ? await knowsToken(url, token) : false
}

/** Where the running instance has its NATS, else where this one would have it; without the users of the addresses. */
export function natsOf(config: Config): { url: string; monitor: number | null } {
  const running = config.natsUrl ? null : read(connectionFile(config.dataDir))
  const url = config.natsUrl ?? (running ? `nats://${new URL(running.nats).host}` : `nats://127.0.0.1:${config.natsPort}`)
  return { url, monitor: config.natsUrl ? null : (running?.natsMonitor ?? config.natsHttpPort) }
}

export function read(file: string): Connection | null {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as Connection
  } catch {
    return null
  }
}

function text(connection: Connection): string {
  return `${JSON.stringify(connection, null, 2)}\n`
}
