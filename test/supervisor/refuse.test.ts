// SPDX-License-Identifier: MIT
// What stands in the way of a start is said in one sentence, with what to do about it.
import assert from 'node:assert/strict'
import { statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { freePort } from '../lib/free-port.ts'
import { instanceEnv, removeData, run } from '../lib/instance.ts'
import { testServer } from '../lib/postgres.ts'

test('a port that is taken', async () => {
  const env = await instanceEnv()
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(Number(env.TMIDB_MQTT_PORT), '127.0.0.1', resolve))
  const ended = await run(['start'], env)
  other.close()
  assert.equal(ended.code, 1)
  assert.equal(
    ended.stderr,
    `Port ${env.TMIDB_MQTT_PORT} (MQTT) is taken.\n  Stop the program that uses it, or set TMIDB_MQTT_PORT to another port.\n`,
  )
  removeData(env)
})

test('one port for two things', async () => {
  const env = await instanceEnv()
  const ended = await run(['start'], { ...env, TMIDB_MQTT_PORT: env.TMIDB_HTTP_PORT ?? '' })
  assert.match(ended.stderr, /is asked for twice: by TMIDB_HTTP_PORT and TMIDB_MQTT_PORT/)
  removeData(env)
})

test('a data folder of another version', async () => {
  const env = await instanceEnv()
  writeFileSync(join(env.TMIDB_DATA ?? '', 'VERSION'), '7.2\n')
  const ended = await run(['start'], env)
  assert.equal(ended.code, 1)
  assert.match(
    ended.stderr,
    /^The data folder .* is of tmiDB 7\.2; this is tmiDB 0\.1\.\n {2}Start tmiDB 7\.2 on it, or set TMIDB_DATA/,
  )
  removeData(env)
})

test("a folder with somebody else's files", async () => {
  const env = await instanceEnv()
  writeFileSync(join(env.TMIDB_DATA ?? '', 'thesis.txt'), '')
  const ended = await run(['start'], env)
  assert.equal(ended.code, 1)
  assert.match(ended.stderr, /is not empty and holds no tmiDB data \(thesis\.txt\)/)
  removeData(env)
})

test('a setting that is no number', async () => {
  const ended = await run(['start'], { TMIDB_HTTP_PORT: 'http' })
  assert.equal(ended.code, 1)
  assert.equal(ended.stderr, 'TMIDB_HTTP_PORT=http is not a number from 1 to 65535.\n')
})

test('an own nats-server that is none', async () => {
  const env = await instanceEnv()
  const ended = await run(['start'], { ...env, TMIDB_NATS_BIN: process.execPath, TMIDB_PG_URL: await testServer() })
  assert.match(ended.stderr, /^TMIDB_NATS_BIN=.* is not a nats-server that runs here\./)
  removeData(env)
})

test('a PostgreSQL of TMIDB_PG_URL that is not there', async () => {
  const env = await instanceEnv()
  const ended = await run(['start'], { ...env, TMIDB_PG_URL: `postgres://postgres@127.0.0.1:${await freePort()}/x` })
  assert.match(ended.stderr, /^The PostgreSQL of TMIDB_PG_URL does not answer \(connect ECONNREFUSED/)
  removeData(env)
})

test('a command that does not exist, and the one that was meant', async () => {
  const ended = await run(['statsu'])
  assert.equal(ended.code, 2)
  assert.match(ended.stderr, /There is no command "statsu"\. Did you mean "status"\?/)
  const option = await run(['status', '--jsn'])
  assert.equal(option.code, 2)
  assert.match(option.stderr, /Did you mean "--json"\?/)
})

test('secrets are readable by their owner only', async () => {
  const env = await instanceEnv()
  const other = createServer()
  await new Promise<void>((resolve) => other.listen(Number(env.TMIDB_HTTP_PORT), '127.0.0.1', resolve))
  await run(['start'], env)
  other.close()
  await sleep(0)
  assert.equal(statSync(join(env.TMIDB_DATA ?? '', 'secrets.json')).mode & 0o777, 0o600)
  removeData(env)
})
