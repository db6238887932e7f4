// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { natsHealthy, prepareNats } from '../../src/supervisor/nats.ts'
import { findNats } from '../../src/supervisor/nats-binary.ts'
import { doubtsAboutNats } from '../../src/supervisor/nats-check.ts'
import { startUnit } from '../../src/supervisor/unit.ts'
import { freePorts } from '../lib/free-port.ts'
import { instanceEnv, removeData, run } from '../lib/instance.ts'
import { testServer } from '../lib/postgres.ts'

async function server(change: (conf: string) => string) {
  const dataDir = mkdtempSync(join(tmpdir(), 'tmidb-nats-'))
  chmodSync(dataDir, 0o755)
  const [port = 0, httpPort = 0] = await freePorts(2)
  const cacheDir = process.env.TMIDB_CACHE
  const binary = await findNats({ dataDir, say: () => {}, ...(cacheDir ? { cacheDir } : {}) })
  const command = prepareNats({ dataDir, binary, port, httpPort, password: 'test', speakerPassword: 'speaker', runUid: 65534 })
  const conf = join(dataDir, 'nats', 'nats.conf')
  writeFileSync(conf, change(readFileSync(conf, 'utf8')))
  const healthy = () => natsHealthy(httpPort)
  const unit = startUnit(
    { name: 'nats', command, healthy, stopSignal: 'SIGTERM', stopMs: 5000, startMs: 10_000 },
    { line() {}, event() {} },
    () => {},
  )
  await unit.ready
  return {
    url: `nats://tmidb:test@127.0.0.1:${port}`,
    httpPort,
    async [Symbol.asyncDispose]() {
      await unit[Symbol.asyncDispose]()
      rmSync(dataDir, { recursive: true, force: true })
    },
  }
}

test('our own NATS fsyncs before it acknowledges', async () => {
  await using nats = await server((conf) => conf)
  assert.deepEqual(await doubtsAboutNats(nats.url, nats.httpPort), [])
})

test('a NATS that fsyncs now and then is refused, unless told so', async () => {
  await using nats = await server((conf) => conf.replace(', sync_interval: always', ''))
  const env = await instanceEnv()
  const ended = await run(['start'], {
    ...env,
    TMIDB_PG_URL: await testServer(),
    TMIDB_NATS_URL: nats.url,
    TMIDB_NATS_HTTP_PORT: String(nats.httpPort),
  })
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    /^Readings could be lost after they were acknowledged: the NATS server acknowledges before it has fsynced/,
  )
  removeData(env)
})

test('a NATS without JetStream is refused', async () => {
  await using nats = await server((conf) => conf.replace(/^jetstream .*$/m, ''))
  await assert.rejects(doubtsAboutNats(nats.url, nats.httpPort), /has no JetStream/)
})

test('where nothing can fetch nats-server, the sentence names every way', async () => {
  const env = await instanceEnv()
  const ended = await run(['start'], {
    ...env,
    TMIDB_PG_URL: await testServer(),
    TMIDB_CACHE: join(env.TMIDB_DATA ?? '', 'bin'),
    PATH: '/nowhere',
  })
  assert.equal(ended.code, 1)
  for (const way of [/pip or go/, /PATH/, /TMIDB_NATS_BIN/, /TMIDB_NATS_URL/, /docker compose/]) assert.match(ended.stderr, way)
  removeData(env)
})
