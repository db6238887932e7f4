// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { doubtsAboutNats } from '../../src/supervisor/nats-check.ts'
import { instanceEnv, removeData, run } from '../lib/instance.ts'
import { natsServer } from '../lib/nats-server.ts'
import { testServer } from '../lib/postgres.ts'

test('our own NATS fsyncs before it acknowledges', async () => {
  await using nats = await natsServer()
  assert.deepEqual(await doubtsAboutNats(nats.url, nats.httpPort), [])
})

test('a NATS that fsyncs now and then is refused, unless told so', async () => {
  await using nats = await natsServer((conf) => conf.replace(', sync_interval: always', ''))
  const env = await instanceEnv()
  const ended = await run(['start'], {
    ...env,
    TMIDB_PG_URL: await testServer(),
    ...nats.env,
  })
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    /^Readings could be lost after they were acknowledged: the NATS server acknowledges before it has fsynced/,
  )
  removeData(env)
})

test('a NATS without JetStream is refused', async () => {
  await using nats = await natsServer((conf) => conf.replace(/^jetstream .*$/m, ''))
  await assert.rejects(doubtsAboutNats(nats.url, nats.httpPort), /has no JetStream/)
})

test('a NATS that is too old is refused', async () => {
  // What nats-server 2.9.10 of Debian 12 greets with; such an old one cannot be had everywhere.
  const old = createServer((socket) => socket.end('INFO {"server_id":"X","version":"2.9.10","jetstream":true}\r\n'))
  await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
  const { port } = old.address() as { port: number }
  await assert.rejects(
    doubtsAboutNats(`nats://127.0.0.1:${port}`, 1),
    /The NATS server of TMIDB_NATS_URL is 2\.9\.10: 2\.11 or newer is needed\./,
  )
  old.close()
})

test("another server's monitoring page proves nothing", async () => {
  await using nats = await natsServer((conf) => conf.replace(', sync_interval: always', ''))
  await using other = await natsServer()
  assert.match((await doubtsAboutNats(nats.url, other.httpPort))[0]?.what ?? '', /is the page of another NATS server/)
  assert.match((await doubtsAboutNats(nats.url, 1))[0]?.what ?? '', /does not answer, so it cannot be seen whether NATS fsyncs/)
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
