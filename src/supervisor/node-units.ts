// SPDX-License-Identifier: MIT
// The three processes of ours: what they run, and what they are told.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { withLogin } from '../db/superuser.ts'
import type { Secrets } from './data-folder.ts'
import type { UnitSpec } from './unit.ts'

const src = join(import.meta.dirname, '..')

const entries = { api: 'server.ts', 'data-manager': 'manager.ts', 'data-consumer': 'consumer.ts' }

export function nodeUnits(config: Config, secrets: Secrets, pgUrl: string, natsUrl: string): UnitSpec[] {
  return Object.entries(entries).map(([name, entry]) => {
    const file = join(src, entry)
    if (!existsSync(file))
      throw new TmiError('TM501', `The program of ${name} is missing: ${file}.`, { hint: 'Get the checkout whole again.' })
    return {
      name,
      ipc: true,
      stopSignal: 'SIGTERM',
      stopMs: 8000,
      startMs: 60_000,
      command: {
        file: process.execPath,
        // A young generation of 16 MB, three times, grows a unit by 100 MB under load and gains nothing measurable.
        args: [
          '--disable-warning=ExperimentalWarning',
          '--max-semi-space-size=8',
          '--import',
          join(import.meta.dirname, 'leash.ts'),
          file,
        ],
        cwd: join(src, '..'),
        env: { ...inherited(), ...told(name, config, secrets, pgUrl, natsUrl) },
      },
    } satisfies UnitSpec
  })
}

export function told(unit: string, config: Config, secrets: Secrets, pgUrl: string, natsUrl: string): Record<string, string> {
  return {
    TMIDB_UNIT: unit,
    TMIDB_DATA: config.dataDir,
    TMIDB_HOST: config.host,
    TMIDB_HTTP_PORT: String(config.httpPort),
    TMIDB_MQTTS_PORT: String(config.mqttsPort),
    TMIDB_MQTT_PORT: String(config.mqttPort),
    ...(config.tls ? { TMIDB_TLS_CERT: config.tls.cert, TMIDB_TLS_KEY: config.tls.key } : {}),
    TMIDB_NATS_SERVER: natsUrl,
    TMIDB_STREAM_MAX_BYTES: String(config.streamMaxBytes),
    TMIDB_MIN_FREE: config.minFree === null ? '' : String(config.minFree),
    TMIDB_PG_API: withLogin(pgUrl, 'tmidb_api', secrets.tmidb_api),
    TMIDB_PG_EDGE: withLogin(pgUrl, 'tmidb_edge', secrets.tmidb_edge),
    TMIDB_PG_DRAIN: withLogin(pgUrl, 'tmidb_drain', secrets.tmidb_drain),
    TMIDB_PG_WORKER: withLogin(pgUrl, 'tmidb_worker', secrets.tmidb_worker),
  }
}

/** Our environment without the administrator's keys: a unit has its own login and no more. */
function inherited(): Record<string, string> {
  const hidden = new Set(['TMIDB_PG_URL', 'TMIDB_NATS_URL', 'PGPASSWORD', 'NODE_CHANNEL_FD'])
  return Object.fromEntries(
    Object.entries(process.env).filter((e): e is [string, string] => e[1] !== undefined && !hidden.has(e[0])),
  )
}
