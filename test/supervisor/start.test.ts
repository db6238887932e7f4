// SPDX-License-Identifier: MIT
// The whole of it, as "npm start" runs it.
import assert from 'node:assert/strict'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { verifyPassword } from '../../src/base/password.ts'
import { withClient } from '../../src/db/superuser.ts'
import { processStart } from '../../src/supervisor/process.ts'
import { type Instance, instanceEnv, removeData, run, startInstance } from '../lib/instance.ts'

async function allReady(instance: Instance) {
  for (;;) {
    const units = await instance.units()
    if (units.length === 5 && units.every((u) => u.state === 'ready')) return units
    await sleep(200)
  }
}

test('the first start makes accounts, the second finds its data, Ctrl-C leaves nothing behind', async () => {
  const env = await instanceEnv()
  const first = await startInstance({ env, keepData: true })
  assert.equal(first.connection.first, true)
  const file = join(first.dataDir, 'connection.json')
  assert.equal(statSync(file).mode & 0o777, 0o600)
  const { postgres, admin, speaker } = first.connection
  const rows = await withClient(postgres, async (c) => (await c.query('select session_user as me')).rows)
  assert.deepEqual(rows, [{ me: 'admin' }])
  await withClient(postgres, (c) => c.query(`select tmidb.create_target('kept')`))

  const second = await run(['start'], env)
  assert.equal(second.code, 1)
  assert.match(second.stderr, /tmiDB already runs on .* \(process \d+\)/)

  const units = await first.units()
  const ended = await first.stop()
  assert.equal(ended.code, 0)
  assert.match(ended.stderr, /tmiDB has stopped\./)
  for (const unit of units) assert.equal(processStart(unit.pid ?? 0), null, `${unit.name} still runs`)

  await using again = await startInstance({ env })
  assert.equal(again.connection.first, false)
  assert.deepEqual(again.connection.speaker, speaker)
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')).admin, admin)
  const secrets = JSON.parse(readFileSync(join(env.TMIDB_DATA ?? '', 'secrets.json'), 'utf8')) as { postgres: string }
  const superUrl = `postgres://postgres:${secrets.postgres}@127.0.0.1:${env.TMIDB_PG_PORT}/tmidb`
  await withClient(superUrl, async (c) => {
    assert.equal((await c.query(`select from tmidb.target where key = 'kept'`)).rowCount, 1)
    const { rows: accounts } = await c.query<{ password_hash: string }>(
      `select password_hash from tmidb.account where login = 'admin'`,
    )
    assert.equal(await verifyPassword(admin.password, accounts[0]?.password_hash ?? ''), true)
    assert.equal(await verifyPassword(`${admin.password}x`, accounts[0]?.password_hash ?? ''), false)
  })
})

test('every unit that is killed comes back, and the others stay', async () => {
  await using instance = await startInstance()
  const before = await allReady(instance)
  for (const unit of before) process.kill(unit.pid ?? 0, 'SIGKILL')
  await sleep(500)
  const after = await allReady(instance)
  for (const unit of after) assert.equal(unit.restarts, 1, `${unit.name} was started again ${unit.restarts} times`)
})

test('after the supervisor was killed, the next start takes over', async () => {
  const env = await instanceEnv()
  const first = await startInstance({ env, keepData: true })
  first.process.kill('SIGKILL')
  await first.stop()
  const status = await run(['status', '--json'], env)
  assert.equal(status.code, 5)
  await using again = await startInstance({ env, keepData: true })
  assert.deepEqual(again.connection.listener, first.connection.listener)
  const stop = await run(['stop', '--json'], env)
  assert.deepEqual(JSON.parse(stop.stdout), { stopped: true, running: false })
  removeData(env)
})

test('the last lines of a start say where everything is', async () => {
  const env = await instanceEnv()
  const { spawn } = await import('node:child_process')
  const tmictl = join(import.meta.dirname, '..', '..', 'bin', 'tmictl.cjs')
  const child = spawn(process.execPath, [tmictl, 'start'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let text = ''
  for await (const bytes of child.stdout) {
    text += String(bytes)
    if (text.includes('Ctrl-C stops everything.')) child.kill('SIGINT')
  }
  const block = text.slice(text.indexOf('=== tmiDB 0.1 ready ==='))
  for (const line of [
    /API +http:/,
    /GraphQL +http.*\/graphql/,
    /Swagger +http.*\/docs/,
    /MQTT +mqtt:/,
    /Admin login +admin \/ \w{16}/,
    /Speaker token +tmi_/,
    /Listener token +tmi_/,
  ]) {
    assert.match(block, line)
  }
  assert.match(block, /curl -X POST .*\/api\/in\/sensor\/truck-17/)
  assert.match(block, /curl '.*\/api\/v1\/sensor\?order=ts\.desc&limit=5'/)
  assert.match(block, /npx tmictl tail/)
  removeData(env)
})
