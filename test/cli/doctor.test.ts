// SPDX-License-Identifier: MIT
// tmictl doctor on a whole running instance: a new one is well, and what is made wrong is found, with what mends it.
import assert from 'node:assert/strict'
import { chmodSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { adminQuery } from '../lib/admin.ts'
import { testCertificate } from '../lib/certificate.ts'
import { type Instance, run, startInstance } from '../lib/instance.ts'

interface Said {
  well: boolean
  totals: Record<string, number>
  findings: { lint: string; level: string; what: string; mend: string }[]
  exceptions: { lint: string; reason: string }[]
}

let tmidb: Instance
let sql: (text: string) => Promise<unknown[]>
before(async () => {
  tmidb = await startInstance()
  sql = adminQuery(tmidb.connection.postgres)
})
after(() => tmidb[Symbol.asyncDispose]())

const ask = async (env: Record<string, string> = {}, ...args: string[]) => {
  const { code, stdout, stderr } = await run(['doctor', '--json', ...args], { ...tmidb.env, ...env })
  assert.ok(stdout, stderr)
  return { code, ...(JSON.parse(stdout) as Said) }
}

test('a new instance is well: no error, no warning, exit 0', async () => {
  const { code, stdout } = await run(['doctor'], tmidb.env)
  assert.doesNotMatch(stdout, /ERROR|WARN/)
  assert.match(stdout, /^All is well\.\n$|^0 error, 0 warn, \d+ info\. docs\/lints\.md explains the rules\.\n$/m)
  assert.equal(code, 0)
})

test('a table that is open to listeners is an error with the statement that mends it, exit 7; its comment can excuse it', async () => {
  await sql('create table app.price (id int primary key); grant select on app.price to tmidb_listener')
  try {
    const said = await ask()
    const open = said.findings.find((f) => f.lint === 'open_table')
    assert.deepEqual(
      [said.code, said.well, open?.level, open?.what],
      [7, false, 'error', 'app.price: tmidb_listener may select every row'],
    )
    await sql("comment on table app.price is '@lint_ok open_table: public\nPrices.'")
    const excused = await ask()
    assert.deepEqual([excused.code, excused.well], [0, true])
    assert.deepEqual(
      excused.exceptions.map((f) => [f.lint, f.reason]),
      [['open_table', 'public']],
    )
    const { stdout } = await run(['doctor', '--all'], tmidb.env)
    assert.match(stdout, /^meant open_table: app\.price: .* \(public\)$/m)
    await sql(`comment on table app.price is null; ${open?.mend}`)
    assert.equal((await ask()).well, true)
  } finally {
    await sql('drop table app.price')
  }
})

test('secrets that others may read are an error, and the statement closes them', async () => {
  const file = join(tmidb.dataDir, 'connection.json')
  chmodSync(file, 0o644)
  try {
    const said = await ask()
    assert.deepEqual(
      said.findings.filter((f) => f.level !== 'info').map((f) => [f.lint, f.level, f.mend]),
      [['secrets', 'error', `chmod 600 ${file}`]],
    )
    assert.equal(said.code, 7)
  } finally {
    chmodSync(file, 0o600)
  }
  assert.equal(statSync(file).mode & 0o777, 0o600)
})

test('a volume below what has to be free, every page allowed, plain text on all addresses: each is told', async () => {
  const said = await ask({ TMIDB_MIN_FREE: '900000000000000', TMIDB_ALLOWED_ORIGINS: '*', TMIDB_HOST: '0.0.0.0' }, '--quick')
  assert.deepEqual(
    said.findings.filter((f) => f.level !== 'info').map((f) => [f.level, f.lint]),
    [
      ['error', 'disk'],
      ['warn', 'plain_text'],
      ['warn', 'origins'],
    ],
  )
  assert.equal(said.code, 7)
})

test('a certificate that ends soon is a warning; one that ended, or is not there, an error', async () => {
  const of = async (files: { cert: string; key: string }) =>
    (await ask({ TMIDB_TLS_CERT: files.cert, TMIDB_TLS_KEY: files.key }, '--quick')).findings
      .filter((f) => f.lint === 'certificate')
      .map((f) => f.level)
  for (const [days, levels] of [
    [90, []],
    [5, ['warn']],
    [-1, ['error']],
  ] as const) {
    using files = await testCertificate(undefined, undefined, days)
    assert.deepEqual(await of(files), levels, `${days} days`)
  }
  assert.deepEqual(await of({ cert: join(tmidb.dataDir, 'none.pem'), key: join(tmidb.dataDir, 'none.key') }), ['error'])
})

test('readings that wait to be repaired are told, with the command that lists them', async () => {
  const gone = await fetch(`${tmidb.connection.http}/api/in/sensor/truck-1`, {
    method: 'POST',
    headers: { authorization: `Bearer ${tmidb.connection.speaker.token}`, 'content-type': 'application/json' },
    body: '{"ts": "2999-01-01T00:00:00Z", "temperature": 1}',
  })
  assert.equal(((await gone.json()) as { quarantined?: unknown[] }).quarantined?.length, 1)
  for (let n = 0; n < 50; n++) {
    const said = await ask({}, '--quick')
    const dead = said.findings.find((f) => f.lint === 'dead_letters')
    if (!dead) continue
    assert.match(dead.what, /^1 readings quarantined as TM\d{3}, the oldest since 20/)
    assert.equal(said.code, 7)
    return
  }
  assert.fail('no dead letter was told')
})

test('who is no administrator is refused with exit 4, nothing that runs with 5', async () => {
  await sql(`select tmidb.create_login('listener', '${tmidb.connection.listener.name}', 'a long password')`)
  const url = new URL(tmidb.connection.postgres)
  url.username = tmidb.connection.listener.name
  url.password = 'a long password'
  const { code, stderr } = await run(['doctor', '--postgres', url.href], tmidb.env)
  assert.deepEqual([code, stderr], [4, 'This login may not do that.\n  Ask an administrator.\n'])
  assert.equal((await run(['doctor'], { ...tmidb.env, TMIDB_DATA: join(tmidb.dataDir, 'none') })).code, 5)
})
