// SPDX-License-Identifier: MIT
// What every part of the bench works with: one instance, its database, the load generator, and where figures go.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { withLogin } from '../src/db/superuser.ts'
import { adminQuery } from '../test/lib/admin.ts'
import { type Instance, instanceEnv, startInstance } from '../test/lib/instance.ts'
import type { Load, Loaded } from './load.ts'

export interface Bench extends AsyncDisposable {
  instance: Instance
  connection: Instance['connection']
  superUrl: string
  /** As the api process is known to PostgreSQL. */
  apiUrl: string
  seconds: number
  query: ReturnType<typeof adminQuery>
  note(what: string, value: string, beside?: string): void
  perSecond(n: number, seconds: number): string
  run(load: Partial<Load> & Pick<Load, 'kind'>): Promise<Loaded>
  results: { what: string; value: string; beside?: string }[]
}

export async function openBench(options: { seconds: number; json: boolean; env?: Record<string, string> }): Promise<Bench> {
  const instance = await startInstance(options.env ? { env: { ...(await instanceEnv()), ...options.env } } : {})
  const { connection, dataDir } = instance
  const secrets = JSON.parse(readFileSync(join(dataDir, 'secrets.json'), 'utf8')) as Record<string, unknown>
  const [http, mqtt] = [new URL(connection.http), new URL(connection.mqtt)]
  const results: Bench['results'] = []
  return {
    instance,
    connection,
    superUrl: withLogin(connection.postgres, 'postgres', String(secrets.postgres)),
    apiUrl: withLogin(connection.postgres, 'tmidb_api', String(secrets.tmidb_api)),
    seconds: options.seconds,
    query: adminQuery(connection.postgres),
    results,
    note(what, value, beside) {
      results.push({ what, value, ...(beside ? { beside } : {}) })
      if (!options.json) process.stdout.write(`${what.padEnd(58)} ${value.padStart(24)}${beside ? `   ${beside}` : ''}\n`)
    },
    perSecond: (n, s) => `${Math.round(n / s).toLocaleString('en')}/s`,
    async run(load) {
      const at = load.kind === 'mqtt' ? mqtt : http
      const full: Load = {
        host: at.hostname,
        port: Number(at.port),
        token: connection.speaker.token,
        seconds: options.seconds,
        connections: 64,
        batch: 1,
        window: 1,
        targets: 1000,
        category: 'sensor',
        ...load,
      }
      const child = spawn(process.execPath, [join(import.meta.dirname, 'load.ts')], { stdio: ['pipe', 'pipe', 'inherit'] })
      child.stdin.end(JSON.stringify(full))
      let text = ''
      for await (const chunk of child.stdout) text += String(chunk)
      return JSON.parse(text) as Loaded
    },
    [Symbol.asyncDispose]: () => instance[Symbol.asyncDispose](),
  }
}
