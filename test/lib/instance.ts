// SPDX-License-Identifier: MIT
// A whole tmiDB of a test's own: "tmictl start" as a user runs it, on a new data folder and free ports.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Connection } from '../../src/supervisor/connection.ts'
import type { UnitState } from '../../src/supervisor/unit.ts'
import { adminQuery } from './admin.ts'
import { mustBalance } from './balance.ts'
import { freePorts } from './free-port.ts'

const root = join(import.meta.dirname, '..', '..')
const tmictl = join(root, 'bin', 'tmictl.cjs')

export interface Ended {
  code: number | null
  stdout: string
  stderr: string
}

export interface Instance extends AsyncDisposable {
  connection: Connection & { first: boolean }
  env: Record<string, string>
  dataDir: string
  /** The supervisor itself. */
  process: ChildProcess
  units(): Promise<UnitState[]>
  /** Ctrl-C, and how it ended; throws first if the ledger does not balance. */
  stop(): Promise<Ended>
}

/** Where a test instance lives: hand it to startInstance again to start on the same data. */
export async function instanceEnv(): Promise<Record<string, string>> {
  const [http = 0, mqtt = 0, mqtts = 0, pg = 0, nats = 0, natsHttp = 0] = await freePorts(6)
  return {
    TMIDB_DATA: mkdtempSync(join(tmpdir(), 'tmidb-data-')),
    TMIDB_HTTP_PORT: String(http),
    TMIDB_MQTT_PORT: String(mqtt),
    TMIDB_MQTTS_PORT: String(mqtts),
    TMIDB_PG_PORT: String(pg),
    TMIDB_NATS_PORT: String(nats),
    TMIDB_NATS_HTTP_PORT: String(natsHttp),
  }
}

export function removeData(env: Record<string, string>): void {
  rmSync(env.TMIDB_DATA ?? '', { recursive: true, force: true })
}

/** Runs tmictl to its end. */
export async function run(args: string[], env: Record<string, string> = {}): Promise<Ended> {
  return await end(launch(args, env))
}

/** Starts everything; resolves when it is ready. keepData: the folder outlives the instance. */
export async function startInstance(options: { env?: Record<string, string>; keepData?: boolean } = {}): Promise<Instance> {
  const env = options.env ?? (await instanceEnv())
  const child = launch(['start', '--json'], env)
  const ended = end(child)
  const connection = await new Promise<Connection & { first: boolean }>((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (bytes: Buffer) => {
      text += bytes.toString()
      const line = text.split('\n').find((l) => l.startsWith('{"ready":true'))
      if (line) resolve(JSON.parse(line) as Connection & { first: boolean })
    })
    ended.then((e) => reject(new Error(`tmictl start ended with ${e.code}: ${e.stderr}`)))
  })
  const instance: Instance = {
    connection,
    env,
    dataDir: env.TMIDB_DATA ?? '',
    process: child,
    async units() {
      const { stdout } = await run(['status', '--json'], env)
      return (JSON.parse(stdout) as { units: UnitState[] }).units
    },
    async stop() {
      const runs = child.exitCode === null && child.signalCode === null
      try {
        if (runs) await mustBalance(adminQuery(connection.postgres))
      } finally {
        if (runs) child.kill('SIGINT')
        await ended
      }
      return await ended
    },
    async [Symbol.asyncDispose]() {
      try {
        await instance.stop()
      } finally {
        if (!options.keepData) removeData(env)
      }
    },
  }
  return instance
}

export function launch(args: string[], env: Record<string, string>): ChildProcess {
  // Nothing of the tester's own TMIDB_* settings may leak in.
  const outer = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^TMIDB_(?!CACHE|NATS_BIN)/.test(name)))
  return spawn(process.execPath, [tmictl, ...args], { cwd: root, env: { ...outer, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
}

async function end(child: ChildProcess): Promise<Ended> {
  let stdout = ''
  let stderr = ''
  child.stdout?.on('data', (bytes: Buffer) => (stdout += bytes.toString()))
  child.stderr?.on('data', (bytes: Buffer) => (stderr += bytes.toString()))
  return await new Promise<Ended>((resolve) => child.on('close', (code) => resolve({ code, stdout, stderr })))
}
