// SPDX-License-Identifier: MIT
// Starts and watches the units; touches no data. From top to bottom: the folder, the servers, the schema, the first accounts,
// our own processes; then it waits for the signal, and everything is taken down again in reverse order.
import { existsSync, realpathSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, loadConfig } from './base/config.ts'
import { type Doubt, refuseDoubts } from './base/doubt.ts'
import { TmiError } from './base/errors.ts'
import type { ObservedEvent } from './base/observe.ts'
import { readTls } from './base/tls.ts'
import { doubtsAboutDatabase, doubtsAboutPostgres } from './db/boot-check.ts'
import { migrate } from './db/migrate.ts'
import { ping } from './db/superuser.ts'
import { doubtsAboutStreams } from './nats-bridge/streams.ts'
import { type Connection, connect } from './supervisor/connection.ts'
import { type DataFolder, openDataFolder } from './supervisor/data-folder.ts'
import { type Log, openLog } from './supervisor/log.ts'
import { natsDiskFull, natsFolder, natsHealthy, prepareNats } from './supervisor/nats.ts'
import { findNats } from './supervisor/nats-binary.ts'
import { doubtsAboutNats } from './supervisor/nats-check.ts'
import { nodeUnits, told } from './supervisor/node-units.ts'
import { portsFree } from './supervisor/ports.ts'
import { preparePostgres } from './supervisor/postgres.ts'
import { dropDeadLock, stopLeftover } from './supervisor/process.ts'
import { openState, type StateFile } from './supervisor/state.ts'
import { startUnit, type Unit, type UnitSpec } from './supervisor/unit.ts'

export interface SuperviseOptions {
  config?: Config
  /** Ends it all, in order. */
  signal: AbortSignal
  /** Lines for people. */
  say: (line: string) => void
  onReady: (connection: Connection, first: boolean) => void
}

/** Resolves when everything has stopped after the signal; rejects, also after everything has stopped, when it cannot start. */
export async function supervise(options: SuperviseOptions): Promise<void> {
  const config = options.config ?? loadConfig()
  if (config.tls) readTls(config.tls)
  await using stack = new AsyncDisposableStack()
  const folder = stack.use(openDataFolder(config.dataDir))
  const log = stack.use(openLog(config.dataDir, tell(options.say)))
  const state = stack.use(openState(config.dataDir))
  const run = { config, folder, log, state, stack, ...options }

  await stopLeftovers(config)
  await portsFree(ports(config))
  const { pgUrl, unitsUrl } = await startPostgres(run)
  const natsUrl = await startNats(run)
  await refuseUnsafe(run, pgUrl, natsUrl)
  await migrateTo(run, pgUrl)
  await refuseUnsafeDatabase(run, pgUrl, natsUrl)
  const { connection, first } = await connect(config, {
    pgUrl,
    natsUrl: natsForClients(config, folder),
    adminPassword: folder.secrets.admin,
  })
  options.signal.throwIfAborted()
  await startTogether(run, nodeUnits(config, folder.secrets, unitsUrl, natsUrl))

  state.ready()
  options.onReady(connection, first)
  await aborted(options.signal)
}

interface Run extends SuperviseOptions {
  config: Config
  folder: DataFolder
  log: Log
  state: StateFile
  stack: AsyncDisposableStack
}

/** Servers that a killed supervisor could not take with it. */
async function stopLeftovers(config: Config): Promise<void> {
  const folder = join(config.dataDir, 'postgres')
  if (existsSync(folder)) {
    const real = realpathSync(folder)
    const pidFile = join(real, 'postmaster.pid')
    await stopLeftover(pidFile, real, 'SIGINT')
    await dropDeadLock(pidFile, real)
  }
  const nats = natsFolder(config.dataDir)
  await stopLeftover(join(nats, 'nats.pid'), nats, 'SIGTERM')
}

function ports(config: Config) {
  const local = '127.0.0.1'
  return [
    { port: config.httpPort, host: config.host, what: 'HTTP', variable: 'TMIDB_HTTP_PORT' },
    { port: config.mqttPort, host: config.host, what: 'MQTT', variable: 'TMIDB_MQTT_PORT' },
    ...(config.tls ? [{ port: config.mqttsPort, host: config.host, what: 'MQTT over TLS', variable: 'TMIDB_MQTTS_PORT' }] : []),
    ...(config.pgUrl ? [] : [{ port: config.pgPort, host: local, what: 'PostgreSQL', variable: 'TMIDB_PG_PORT' }]),
    ...(config.natsUrl
      ? []
      : [
          { port: config.natsPort, host: local, what: 'NATS', variable: 'TMIDB_NATS_PORT' },
          { port: config.natsHttpPort, host: local, what: 'NATS monitoring', variable: 'TMIDB_NATS_HTTP_PORT' },
        ]),
  ]
}

/** unitsUrl: how our own processes reach it. */
async function startPostgres(run: Run): Promise<{ pgUrl: string; unitsUrl: string }> {
  const { config, folder } = run
  if (config.pgUrl) {
    await ping(config.pgUrl).catch((cause: unknown) => {
      throw new TmiError(
        'TM501',
        `The PostgreSQL of TMIDB_PG_URL does not answer (${cause instanceof Error ? cause.message : cause}).`,
        {
          cause,
          hint: 'Check the URL; without it an own PostgreSQL is started.',
        },
      )
    })
    run.say('postgres: using the one of TMIDB_PG_URL')
    return { pgUrl: config.pgUrl, unitsUrl: config.pgUrl }
  }
  const password = folder.secrets.postgres
  const cluster = await preparePostgres({
    dataDir: config.dataDir,
    port: config.pgPort,
    password,
    runUid: config.runUid,
    say: run.say,
  })
  const server = `postgres://postgres:${password}@127.0.0.1:${config.pgPort}`
  await startTogether(run, [
    {
      name: 'postgres',
      command: cluster.command,
      healthy: () => ping(`${server}/postgres`),
      stopSignal: 'SIGINT',
      stopMs: 30_000,
      startMs: 600_000,
    },
  ])
  const pgUrl = `${server}/tmidb`
  return { pgUrl, unitsUrl: cluster.socketDir === null ? pgUrl : `${pgUrl}?host=${encodeURIComponent(cluster.socketDir)}` }
}

async function startNats(run: Run): Promise<string> {
  const { config, folder, say } = run
  if (config.natsUrl) {
    say('nats: using the one of TMIDB_NATS_URL')
    return config.natsUrl
  }
  const binary = await findNats({ bin: config.natsBin, cacheDir: config.cacheDir, dataDir: config.dataDir, say })
  run.signal.throwIfAborted()
  const password = folder.secrets.nats
  const command = prepareNats({
    dataDir: config.dataDir,
    binary,
    port: config.natsPort,
    httpPort: config.natsHttpPort,
    password,
    speakerPassword: folder.secrets.nats_speaker,
    runUid: config.runUid,
    streamMaxBytes: config.streamMaxBytes,
  })
  const healthy = () => natsHealthy(config.natsHttpPort)
  const hopeless = () => natsDiskFull(config.dataDir)
  await startTogether(run, [
    { name: 'nats', command, healthy, hopeless, stopSignal: 'SIGTERM', stopMs: 15_000, startMs: 300_000 },
  ])
  return `nats://tmidb:${password}@127.0.0.1:${config.natsPort}`
}

/** With which outside clients publish: the user that may do nothing else. Of an own server its owner knows. */
function natsForClients(config: Config, folder: DataFolder): string {
  if (config.natsUrl) return config.natsClientUrl ?? config.natsUrl
  return `nats://speaker:${folder.secrets.nats_speaker}@127.0.0.1:${config.natsPort}`
}

/** Decision 4: nothing may be acknowledged that a power cut could take back, unless told so. */
async function refuseUnsafe(run: Run, pgUrl: string, natsUrl: string): Promise<void> {
  const { config } = run
  refuse(run, [
    ...(await doubtsAboutPostgres(config.pgUrl ? pgUrl : pgUrl.replace(/\/tmidb$/, '/postgres'))),
    ...(await doubtsAboutNats(natsUrl, config.natsHttpPort)),
    ...(await doubtsAboutStreams(natsUrl, config.streamMaxBytes)),
  ])
}

/** The same for what may be set in the database itself: as our logins see it, so once they are there. */
async function refuseUnsafeDatabase(run: Run, pgUrl: string, natsUrl: string): Promise<void> {
  const urls = told('', run.config, run.folder.secrets, pgUrl, natsUrl)
  const logins = Object.entries(urls).flatMap(([name, url]) => (name.startsWith('TMIDB_PG_') ? [url] : []))
  refuse(run, await doubtsAboutDatabase(pgUrl, logins))
}

function refuse(run: Run, doubts: Doubt[]): void {
  refuseDoubts(doubts, run.config.allowUnsafe, (message) => {
    run.say(message)
    run.log.event('supervisor', { kind: 'log', level: 'warn', message })
  })
}

async function migrateTo(run: Run, pgUrl: string): Promise<void> {
  const { postgres: _, nats: __, nats_speaker: ___, ...passwords } = run.folder.secrets
  const done = await migrate({ superuserUrl: pgUrl, passwords, createDatabase: !run.config.pgUrl, say: run.say })
  run.log.event('supervisor', { kind: 'migrate.done', ...done })
  if (done.steps.length > 0) run.say(`database: ${done.steps.length} schema steps (${(done.ms / 1000).toFixed(1)} s)`)
  else if (done.codeApplied) run.say('database: functions and policies brought up to date')
}

/** All at once; ready when the last is. The stack takes them down together too. */
async function startTogether(run: Run, specs: UnitSpec[]): Promise<void> {
  run.signal.throwIfAborted()
  const t0 = Date.now()
  const units = specs.map((spec) => startUnit(spec, run.log, (s) => run.state.unit(s)))
  run.stack.defer(async () => {
    await Promise.all(units.map((u) => u[Symbol.asyncDispose]()))
  })
  await Promise.all(units.map((unit) => Promise.race([whenReady(run, unit), rejectOn(run.signal)])))
  run.say(`${specs.map((s) => s.name).join(', ')}: ready (${((Date.now() - t0) / 1000).toFixed(1)} s)`)
}

async function whenReady(run: Run, unit: Unit): Promise<void> {
  try {
    await unit.ready
  } catch (e) {
    const said = run.log.last(unit.state().name)
    const hint = [...said.map((line) => `  ${line}`), `The whole log: ${run.log.path}`].join('\n')
    throw new TmiError('TM501', e instanceof Error ? e.message : String(e), { cause: e, hint })
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return
  await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
}

async function rejectOn(signal: AbortSignal): Promise<never> {
  await aborted(signal)
  throw signal.reason
}

/** What a person at the terminal wants to know of the log. */
function tell(say: (line: string) => void): (unit: string, event: ObservedEvent) => void {
  const down = new Set<string>()
  return (unit, event) => {
    if (event.kind === 'unit.exited' && event.restartInMs !== undefined) {
      down.add(unit)
      say(
        `${unit} ended (${event.signal ?? `exit code ${event.code}`}); starting it again in ${(event.restartInMs / 1000).toFixed(0)} s`,
      )
    } else if (event.kind === 'unit.unhealthy')
      say(`${unit} has not answered for ${Math.round(event.forMs / 1000)} s; starting it again`)
    else if (event.kind === 'unit.ready' && down.delete(unit)) say(`${unit} is back`)
  }
}
