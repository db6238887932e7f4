// SPDX-License-Identifier: MIT
// tmictl doctor on a whole running instance: a new one is well, and what is made wrong is found, with what mends it.
import assert from 'node:assert/strict'
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { loadConfig } from '../../src/base/config.ts'
import { machineFindings } from '../../src/cli/doctor/machine.ts'
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

test('a new instance is well: no error, no warning, exit 0', async () => {
  const { code, stdout } = await run(['doctor'], tmidb.env)
  assert.doesNotMatch(stdout, /ERROR|WARN/)
  assert.match(stdout, /^All is well\.\n$|^0 error, 0 warn, \d+ info\. docs\/lints\.md explains the rules\.\n$/m)
  assert.equal(code, 0)
})

test('what is open to listeners, or to others on the machine, is an error with what mends it, and exit 7', async () => {
  const file = join(tmidb.dataDir, 'connection.json')
  await sql('create table app.price (id int primary key); grant select on app.price to tmidb_listener')
  chmodSync(file, 0o644)
  const { code, stdout } = await run(['doctor', '--json'], tmidb.env)
  chmodSync(file, 0o600)
  const { well, totals, findings } = JSON.parse(stdout) as Said
  assert.deepEqual([code, well, totals.error, totals.warn], [7, false, 2, 0])
  assert.deepEqual(
    findings.filter((f) => f.level !== 'info').map((f) => [f.level, f.lint, f.mend]),
    [
      ['error', 'secrets', `chmod 600 ${file}`],
      ['error', 'open_table', 'alter table app.price enable row level security; -- and a policy for each role that may see rows'],
    ],
  )
})

test('the comment of an object excuses it, with its reason; --all shows that', async () => {
  await sql("comment on table app.price is '@lint_ok open_table: public\nPrices.'")
  const { code, stdout } = await run(['doctor', '--all', '--quick'], tmidb.env)
  assert.match(stdout, /^meant open_table: app\.price: .* \(public\)$/m)
  assert.match(stdout, / 1 meant so \(--all shows them\)\./)
  assert.equal(code, 0)
  await sql('drop table app.price')
})

test('readings that wait to be repaired are told, with the command that lists them', async () => {
  const { connection } = tmidb
  const sent = await fetch(`${connection.http}/api/in/sensor/truck-1`, {
    method: 'POST',
    headers: { authorization: `Bearer ${connection.speaker.token}`, 'content-type': 'application/json' },
    body: '{"ts": "2999-01-01T00:00:00Z", "temperature": 1}',
  })
  assert.equal(((await sent.json()) as { quarantined?: unknown[] }).quarantined?.length, 1)
  const stored = async () => (await sql('select from tmidb.raw_bucket')).length > 0
  for (let n = 0; n < 600 && !(await stored()); n++);
  const { code, stdout } = await run(['doctor', '--quick'], tmidb.env)
  assert.match(
    stdout,
    /^WARN {2}dead_letters: 1 readings quarantined as TM216, the oldest since 20\S+\n +tmictl dead-letters list --reason TM216$/m,
  )
  assert.equal(code, 7)
})

test('who is no administrator is refused with exit 4; where nothing runs it is 5', async () => {
  await sql(`select tmidb.create_login('listener', '${tmidb.connection.listener.name}', 'a long password')`)
  const url = new URL(tmidb.connection.postgres)
  url.username = tmidb.connection.listener.name
  url.password = 'a long password'
  const [listener, nothing] = await Promise.all([
    run(['doctor', '--postgres', url.href], tmidb.env),
    run(['doctor'], { ...tmidb.env, TMIDB_DATA: join(tmidb.dataDir, 'none') }),
  ])
  assert.deepEqual([listener.code, listener.stderr], [4, 'This login may not do that.\n  Ask an administrator.\n'])
  assert.equal(nothing.code, 5)
  assert.equal((await run(['doctor', 'extra'])).code, 2)
})

/** Of a machine without an instance. */
function ofMachine(env: Record<string, string>): [level: string, lint: string][] {
  const dir = mkdtempSync(join(tmpdir(), 'tmidb-doctor-'))
  try {
    writeFileSync(join(dir, 'secrets.json'), '{}', { mode: 0o600 })
    return machineFindings(loadConfig({ TMIDB_DATA: dir, TMIDB_MIN_FREE: '1', ...env })).map((f) => [f.level, f.lint])
  } finally {
    rmSync(dir, { recursive: true, force: true })
  }
}

test('a volume below what has to be free, every page allowed, plain text on all addresses: each is told', () => {
  assert.deepEqual(ofMachine({}), [])
  assert.deepEqual(ofMachine({ TMIDB_MIN_FREE: '900000000000000' }), [['error', 'disk']])
  assert.deepEqual(ofMachine({ TMIDB_ALLOWED_ORIGINS: '*' }), [['warn', 'origins']])
  assert.deepEqual(ofMachine({ TMIDB_ALLOWED_ORIGINS: 'https://app.example.com' }), [])
  assert.deepEqual(ofMachine({ TMIDB_HOST: '0.0.0.0' }), [['warn', 'plain_text']])
  assert.deepEqual(ofMachine({ TMIDB_HOST: '::1' }), [])
})

test('a certificate that ends soon is told; one that ended, or is not there, is an error', async () => {
  for (const [days, levels] of [
    [90, []],
    [20, [['info', 'certificate']]],
    [5, [['warn', 'certificate']]],
    [-1, [['error', 'certificate']]],
  ] as const) {
    using files = await testCertificate(undefined, undefined, days)
    chmodSync(files.key, 0o640)
    assert.deepEqual(
      ofMachine({ TMIDB_TLS_CERT: files.cert, TMIDB_TLS_KEY: files.key, TMIDB_HOST: '0.0.0.0' }),
      levels,
      `${days} days`,
    )
    chmodSync(files.key, 0o644)
    assert.ok(ofMachine({ TMIDB_TLS_CERT: files.cert, TMIDB_TLS_KEY: files.key }).some(([, lint]) => lint === 'secrets'))
  }
  assert.deepEqual(ofMachine({ TMIDB_TLS_CERT: '/nowhere/cert.pem', TMIDB_TLS_KEY: '/nowhere/key.pem' }), [
    ['error', 'certificate'],
  ])
})
