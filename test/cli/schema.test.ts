// SPDX-License-Identifier: MIT
// tmictl schema, on a real database by --postgres.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { run } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(
    `select tmidb.ingest('sensor', 't', p::jsonb) from unnest(array['{"temperature": 1, "ok": true}', '{"temperature": "x"}']) p`,
  )
  await db.query(`select tmidb.set_strict('sensor'), tmidb.describe_category('sensor', 'The ovens of hall 3.'),
    tmidb.describe_field('sensor', 'temperature', 'Air at the inlet.', '°C'), tmidb.pin_field('sensor', 'ok', 'boolean')`)
  await db.query(`select tmidb.rename_field('sensor', 'temperature', 'inlet')`)
})
after(() => db[Symbol.asyncDispose]())

const schema = (...args: string[]) => run(['schema', ...args, '--postgres', db.url('admin')])

test('schema list and show tell versions, fields and what an administrator said of them', async () => {
  const [list, shown] = await Promise.all([schema('list'), schema('show', 'sensor')])
  assert.match(list.stdout, /^sensor +2\.1 +3 versions, 2 fields, seen 20\S+Z \(strict\)$/m)
  assert.match(shown.stdout, /^sensor, strict\nThe ovens of hall 3\.\n/)
  assert.match(shown.stdout, /^ {2}inlet +text +Air at the inlet\. \[°C\] of field "temperature"$/m)
  assert.match(shown.stdout, /^ {2}temperature +text +deprecated: use inlet Air at the inlet\. \[°C\]$/m)
  assert.match(shown.stdout, /^ {2}ok +boolean \(pinned\)$/m)
  assert.match(
    shown.stdout,
    /^ {2}2\.0 +20\S+Z {2}breaking +temperature: integer became text\n +seen from 20\S+Z to 20\S+Z\n +\{"temperature":"x"\}$/m,
  )
})

test('schema diff tells what lies between two versions, as JSON too', async () => {
  const [told, json] = await Promise.all([
    schema('diff', 'sensor', '1.0', '2.1'),
    schema('diff', 'sensor', '1.0', '2.1', '--json'),
  ])
  assert.equal(
    told.stdout,
    'sensor 1.0 to 2.1: breaking\n  temperature: integer became text\n  temperature: column temperature is now inlet\n',
  )
  const said = JSON.parse(json.stdout) as { diff: { changed: object[] } }
  assert.deepEqual(said.diff.changed, [{ name: 'temperature', from: 'integer', to: 'text' }])
})

test('what is not there ends with 3 and names what is near; a wrong word with 2', async () => {
  const [absent, version, verb] = await Promise.all([
    schema('show', 'senso'),
    schema('diff', 'sensor', '1.0', '7.7'),
    schema('shwo', 'sensor'),
  ])
  assert.equal(absent.code, 3)
  assert.match(absent.stderr, /Did you mean "sensor"\?/)
  assert.equal(version.code, 3)
  assert.equal(verb.code, 2)
})
