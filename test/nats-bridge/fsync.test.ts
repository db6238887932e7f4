// SPDX-License-Identifier: MIT
// An acknowledgement comes after an fsync: counted where the system calls are made. The kills of test/walk/kill.test.ts cannot
// show it, because what is in the page cache outlives a killed process; a power cut it does not outlive.
import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ping, withClient } from '../../src/db/superuser.ts'
import { openPublisher } from '../../src/nats-bridge/publish.ts'
import { ensureStreams, openNats } from '../../src/nats-bridge/streams.ts'
import { preparePostgres } from '../../src/supervisor/postgres.ts'
import { startUnit } from '../../src/supervisor/unit.ts'
import { freePort } from '../lib/free-port.ts'
import { natsServer } from '../lib/nats-server.ts'

const readings = 50

const tried = spawnSync('strace', ['-f', '-e', 'trace=fsync', 'true'], { encoding: 'utf8' })
const skip = tried.error
  ? 'strace is not installed'
  : tried.status !== 0
    ? `strace may not be used here: ${tried.stderr.trim().split('\n').at(-1)}`
    : false

/** strace of a server run as another user: the file has to be there and open to it. */
function traceFile(): { file: string; under: string[]; fsyncs(): number; [Symbol.dispose](): void } {
  const dir = mkdtempSync(join(tmpdir(), 'tmidb-strace-'))
  const file = join(dir, 'trace')
  spawnSync('chmod', ['755', dir])
  closeSync(openSync(file, 'w', 0o666))
  spawnSync('chmod', ['666', file])
  return {
    file,
    // -D: the server is the child, strace only watches; so signals reach the server and its end is seen.
    under: ['strace', '-D', '-f', '-e', 'trace=fsync,fdatasync', '-o', file],
    // A call that another thread interrupts is written in two lines, of which the second says "resumed".
    fsyncs: () => readFileSync(file, 'utf8').match(/(fsync|fdatasync)\(.*\) += 0|(fsync|fdatasync) resumed>.*= 0/g)?.length ?? 0,
    [Symbol.dispose]: () => rmSync(dir, { recursive: true, force: true }),
  }
}

/** How many fsyncs the server has made while so many readings were published, one after the other. */
async function publishTraced(change?: (conf: string) => string): Promise<number> {
  using trace = traceFile()
  await using nats = await natsServer(change, trace.under)
  const ending = new AbortController()
  const nc = await openNats(nats.url, ending.signal)
  await ensureStreams(nc, 2 ** 30)
  const publisher = openPublisher(nc)
  const before = trace.fsyncs()
  for (let n = 0; n < readings; n++) {
    const payload = Buffer.from(`{"n":${n}}`)
    const row = { category: 'fsync', target: 'one', speaker: '1', sig: 1n, descriptor: '{}', ts: 0, mid: null, payload }
    await publisher.publish([row])
  }
  const made = trace.fsyncs() - before
  await publisher[Symbol.asyncDispose]()
  await nc.close()
  return made
}

test('JetStream fsyncs once for each reading that is acknowledged alone', { skip }, async (t) => {
  const made = await publishTraced()
  t.diagnostic(`${readings} acknowledged readings, ${made} fsyncs`)
  assert.ok(made >= readings, `${made} fsyncs for ${readings} acknowledged readings`)
})

test('without sync_interval: always it does not, so the count means something', { skip }, async (t) => {
  const made = await publishTraced((conf) => conf.replace(', sync_interval: always', ''))
  t.diagnostic(`${readings} acknowledged readings, ${made} fsyncs`)
  assert.ok(made < readings / 2)
})

test('PostgreSQL fsyncs once for each transaction that is acknowledged', { skip }, async (t) => {
  using trace = traceFile()
  const dataDir = mkdtempSync(join(tmpdir(), 'tmidb-fsync-'))
  spawnSync('chmod', ['755', dataDir])
  const port = await freePort()
  const { command } = await preparePostgres({ dataDir, port, password: 'x', runUid: 65534, say: () => {}, sharedBuffersMb: 32 })
  const [file = '', ...args] = [...trace.under, command.file, ...command.args]
  const url = `postgres://postgres:x@127.0.0.1:${port}/postgres`
  const spec = { name: 'postgres', healthy: () => ping(url), stopSignal: 'SIGINT', stopMs: 9000, startMs: 30_000 } as const
  const unit = startUnit({ ...spec, command: { ...command, file, args } }, { line() {}, event() {} }, () => {})
  try {
    await unit.ready
    const count = async (setting: string): Promise<number> =>
      await withClient(url, async (c) => {
        await c.query(`create table if not exists n (n int); set synchronous_commit = ${setting}`)
        await sleep(300)
        const before = trace.fsyncs()
        for (let n = 0; n < readings; n++) await c.query('insert into n values (1)')
        return trace.fsyncs() - before
      })
    const [on, off] = [await count('on'), await count('off')]
    t.diagnostic(`${readings} transactions: ${on} fsyncs, with synchronous_commit off ${off}`)
    assert.ok(on >= readings)
    assert.ok(off < readings / 2)
  } finally {
    await unit[Symbol.asyncDispose]()
    rmSync(dataDir, { recursive: true, force: true })
  }
})
