// SPDX-License-Identifier: MIT
// Servers that acknowledge before the data is on the disk: each of these settings is found at the start, named, and refused.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { type JetStreamManager, jetstreamManager, type StreamConfig } from '@nats-io/jetstream'
import { connect, type NatsConnection, nanos } from '@nats-io/transport-node'
import { refuseOldPostgres } from '../../src/db/boot-check.ts'
import { migrate } from '../../src/db/migrate.ts'
import { ping, withClient } from '../../src/db/superuser.ts'
import { doubtsAboutStreams } from '../../src/nats-bridge/streams.ts'
import { preparePostgres } from '../../src/supervisor/postgres.ts'
import { startUnit } from '../../src/supervisor/unit.ts'
import { freePort } from '../lib/free-port.ts'
import { instanceEnv, removeData, run, startInstance } from '../lib/instance.ts'
import { type NatsServer, natsServer } from '../lib/nats-server.ts'

const stack = new AsyncDisposableStack()
let pgUrl: string
let nats: NatsServer
let nc: NatsConnection
let manager: JetStreamManager

before(async () => {
  pgUrl = await looseServer()
  await migrate({ superuserUrl: pgUrl, createDatabase: true })
  nats = stack.use(await natsServer())
  nc = await connect({ servers: nats.url.replace(/.*@/, ''), user: 'tmidb', pass: 'test' })
  stack.defer(() => nc.close())
  manager = await jetstreamManager(nc)
})
after(async () => {
  await stack.disposeAsync()
})

/** A PostgreSQL whose settings are not nailed down on its command line, as one of the user's own is. */
async function looseServer(): Promise<string> {
  const dataDir = mkdtempSync(join(tmpdir(), 'tmidb-unsafe-'))
  chmodSync(dataDir, 0o755)
  stack.defer(() => rmSync(dataDir, { recursive: true, force: true }))
  const port = await freePort()
  const { command } = await preparePostgres({
    dataDir,
    port,
    password: 'test',
    runUid: 65534,
    say: () => {},
    sharedBuffersMb: 32,
  })
  const nailed = /^(fsync|synchronous_commit|full_page_writes)=/
  const args = command.args.filter((arg, i, all) => !nailed.test(arg) && !(arg === '-c' && nailed.test(all[i + 1] ?? '')))
  const server = `postgres://postgres:test@127.0.0.1:${port}`
  const spec = {
    name: 'postgres',
    command: { ...command, args },
    healthy: () => ping(`${server}/postgres`),
    stopSignal: 'SIGINT' as const,
    stopMs: 9000,
    startMs: 20_000,
  }
  const unit = stack.use(startUnit(spec, { line() {}, event() {} }, () => {}))
  await unit.ready
  return `${server}/tm`
}

async function sql(...statements: string[]): Promise<void> {
  await withClient(pgUrl, async (c) => {
    for (const statement of statements) await c.query(statement)
  })
}

/** Starts with these servers, and what it says when it refuses. */
async function refusal(more: Record<string, string> = {}): Promise<string> {
  const env = await instanceEnv()
  const ended = await run(['start'], { ...env, TMIDB_PG_URL: pgUrl, ...nats.env, ...more })
  removeData(env)
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /^Readings could be lost after they were acknowledged: /)
  assert.match(ended.stderr, /To accept it all the same, set TMIDB_ALLOW_UNSAFE=1\./)
  return ended.stderr
}

const off = 'synchronous_commit = off'
const wrong: { title: string; set: string[]; reset: string[]; said: RegExp; cure: RegExp }[] = [
  {
    title: 'fsync off',
    set: ['alter system set fsync = off'],
    reset: ['alter system reset fsync'],
    said: /: PostgreSQL has fsync off\.\n/,
    cure: /Set fsync = on in postgresql\.conf/,
  },
  {
    title: 'full_page_writes off',
    set: ['alter system set full_page_writes = off'],
    reset: ['alter system reset full_page_writes'],
    said: /: PostgreSQL has full_page_writes off\.\n/,
    cure: /Set full_page_writes = on/,
  },
  {
    title: 'synchronous_commit off',
    set: [`alter system set ${off}`],
    reset: ['alter system reset synchronous_commit'],
    said: /: PostgreSQL has synchronous_commit off\.\n/,
    cure: /Set synchronous_commit = on/,
  },
  {
    title: 'synchronous_commit off for our database',
    set: [`alter database tm set ${off}`],
    reset: ['alter database tm reset synchronous_commit'],
    said: /: PostgreSQL has synchronous_commit off for the database tm\.\n/,
    cure: /Run: alter database tm reset synchronous_commit;/,
  },
  {
    title: "synchronous_commit off for the drain's login",
    set: [`alter role tmidb_drain set ${off}`],
    reset: ['alter role tmidb_drain reset synchronous_commit'],
    said: /: PostgreSQL has synchronous_commit off for tmidb_drain\.\n/,
    cure: /Run: alter role tmidb_drain reset synchronous_commit;/,
  },
  {
    title: "synchronous_commit off for the API's login in our database",
    set: [`alter role tmidb_api in database tm set ${off}`],
    reset: ['alter role tmidb_api in database tm reset synchronous_commit'],
    said: /: PostgreSQL has synchronous_commit off for tmidb_api in the database tm\.\n/,
    cure: /Run: alter role tmidb_api in database tm reset synchronous_commit;/,
  },
  {
    title: 'a table that a crash would empty',
    set: ['alter table tmidb.ledger set unlogged'],
    reset: ['alter table tmidb.ledger set logged'],
    said: /: PostgreSQL keeps the table tmidb\.ledger unlogged\.\n/,
    cure: /Run: alter table tmidb\.ledger set logged;/,
  },
]

for (const { title, set, reset, said, cure } of wrong) {
  test(`PostgreSQL with ${title} is refused`, async () => {
    await sql(...set, 'select pg_reload_conf()', 'select pg_sleep(0.2)')
    try {
      const stderr = await refusal()
      assert.match(stderr, said)
      assert.match(stderr, cure)
    } finally {
      await sql(...reset, 'select pg_reload_conf()', 'select pg_sleep(0.2)')
    }
  })
}

test('synchronous_commit off in the options of TMIDB_PG_URL is refused', async () => {
  const stderr = await refusal({ TMIDB_PG_URL: `${pgUrl}?options=-c%20synchronous_commit%3Doff` })
  assert.match(stderr, /: PostgreSQL has synchronous_commit off in the options of TMIDB_PG_URL\.\n/)
})

test('PostgreSQL 14 is refused, 15 is not', () => {
  assert.throws(() => refuseOldPostgres(140_012), /PostgreSQL 14 is too old: 15 or newer is needed\./)
  refuseOldPostgres(150_000)
})

const stream = { name: 'TMI_IN_1', subjects: ['tmi.in.1'] }

async function withStream(config: Partial<StreamConfig>, fn: () => Promise<void>): Promise<void> {
  await manager.streams.delete(stream.name).catch(() => {})
  await manager.streams.add({ ...stream, ...config })
  await fn()
  await manager.streams.delete(stream.name)
}

test('a stream of persist_mode async, which fsyncs after it has acknowledged, is refused', async () => {
  await withStream({ persist_mode: 'async' }, async () => {
    const stderr = await refusal()
    assert.match(stderr, /: the stream TMI_IN_1 acknowledges before it has fsynced \(persist_mode async\)\.\n/)
    assert.match(stderr, /Once all of TMI_IN_1 is stored, remove it \("nats stream rm TMI_IN_1"\)/)
  })
})

test('a stream in memory is refused', async () => {
  await withStream({ storage: 'memory' }, async () => {
    assert.match(await refusal(), /: the stream TMI_IN_1 keeps its messages in memory\.\n/)
  })
})

test('a sealed stream and one that drops what was acknowledged are refused', async () => {
  await withStream({ retention: 'workqueue' }, async () => {
    const [doubt] = await doubtsAboutStreams(nats.url, 2 ** 30)
    assert.match(doubt?.what ?? '', /the stream TMI_IN_1 is set up wrongly and cannot be corrected \(/)
  })
  await withStream({}, async () => {
    await manager.streams.update(stream.name, { ...stream, sealed: true } as Partial<StreamConfig>)
    assert.match((await doubtsAboutStreams(nats.url, 2 ** 30))[0]?.what ?? '', /the stream TMI_IN_1 is sealed/)
  })
})

test('a stream that would drop or double what was acknowledged is corrected where it can be', async () => {
  const loose: Partial<StreamConfig> = {
    discard: 'old',
    retention: 'interest',
    max_age: nanos(60_000),
    max_msgs: 10,
    max_msg_size: 1000,
    duplicate_window: nanos(1000),
    no_ack: true,
  }
  await withStream(loose, async () => {
    assert.deepEqual(await doubtsAboutStreams(nats.url, 2 ** 30), [])
    const { config } = await manager.streams.info(stream.name)
    const { discard, retention, max_age, max_msgs, max_msg_size, duplicate_window, no_ack } = config
    assert.deepEqual(
      { discard, retention, max_age, max_msgs, max_msg_size, duplicate_window, no_ack: no_ack ?? false },
      {
        discard: 'new',
        retention: 'limits',
        max_age: nanos(7 * 24 * 3600 * 1000),
        max_msgs: -1,
        max_msg_size: -1,
        duplicate_window: nanos(120_000),
        no_ack: false,
      },
    )
  })
})

test('an age that was made longer on purpose stays', async () => {
  const longer = { discard: 'new', max_age: nanos(30 * 24 * 3600 * 1000) } as const
  await withStream(longer, async () => {
    assert.deepEqual(await doubtsAboutStreams(nats.url, 2 ** 30), [])
    assert.equal((await manager.streams.info(stream.name)).config.max_age, longer.max_age)
  })
})

test('a NATS that does not know our password is named before anything waits for it', async () => {
  const env = await instanceEnv()
  const url = nats.url.replace(':test@', ':other@')
  const ended = await run(['start'], { ...env, TMIDB_PG_URL: pgUrl, ...nats.env, TMIDB_NATS_URL: url })
  removeData(env)
  assert.match(ended.stderr, /^NATS does not let us in \(.*\)\.\n {2}Check user and password in TMIDB_NATS_URL\./)
})

test('TMIDB_ALLOW_UNSAFE=1 starts all the same, and says so', async () => {
  await sql('alter system set fsync = off', `alter role tmidb_drain set ${off}`, 'select pg_reload_conf()')
  await withStream({ persist_mode: 'async' }, async () => {
    const env = await instanceEnv()
    const instance = await startInstance({
      env: { ...env, TMIDB_PG_URL: pgUrl, ...nats.env, TMIDB_ALLOW_UNSAFE: '1' },
      keepData: true,
    })
    const { stderr } = await instance.stop()
    removeData(env)
    assert.match(
      stderr,
      /WARNING: Readings could be lost after they were acknowledged: PostgreSQL has fsync off; the stream TMI_IN_1 .*async\)\./,
    )
    assert.match(
      stderr,
      /WARNING: .*: PostgreSQL has synchronous_commit off for tmidb_drain\. Accepted by TMIDB_ALLOW_UNSAFE=1\./,
    )
  })
})
