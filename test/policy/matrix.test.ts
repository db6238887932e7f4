// SPDX-License-Identifier: MIT
// Every relation and function of the catalog, each command, each kind of caller: really tried, and compared with who-may.ts.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { type Client, withClient } from '../../src/db/superuser.ts'
import { type Callable, catalogOf, counted, identities, type Outcome, type Relation, type Thing, tried } from './cells.ts'
import { classProbes, fillTables, probes, readersOf, surprisingRows } from './rows.ts'
import { about, forgotten } from './who-may.ts'
import { proofWorld, type World } from './world.ts'

let world: World
let things: Thing[]
let outcomes: Outcome[]
let totals: Map<string, number>
before(async () => {
  world = await proofWorld()
  await inTransaction(async (client) => {
    await fillTables(client)
    things = await catalogOf(client)
    totals = await counted(client, things)
    outcomes = await tried(client, things, identities(world), totals)
  })
})
after(() => world[Symbol.asyncDispose]())

const inTransaction = <T>(run: (client: Client) => Promise<T>): Promise<T> =>
  withClient(world.db.superUrl, async (client) => {
    await client.query('begin')
    try {
      return await run(client)
    } finally {
      await client.query('rollback')
    }
  })

const relations = () => things.filter((t): t is Relation => t.kind === 'relation')
const functions = () => things.filter((t): t is Callable => t.kind === 'function')

test('every relation has a sentence that says who may touch it, and every sentence names what there is', () => {
  assert.deepEqual(
    relations()
      .filter((r) => about(r).length === 0)
      .map((r) => r.name),
    [],
  )
  assert.deepEqual(forgotten(functions()), [])
})

test('nobody may do more or less to a relation or function than is said, by trying and by the catalog', (t) => {
  t.diagnostic(
    `${outcomes.length} cells: ${relations().length} relations and ${functions().length} functions as ${identities(world).length} identities`,
  )
  assert.deepEqual(
    outcomes.flatMap((o) => o.surprise ?? []),
    [],
  )
})

test('each refusal stands beside somebody whom the same is granted', () => {
  const granted = new Set(outcomes.filter((o) => o.may).map((o) => o.label))
  assert.deepEqual([...new Set(outcomes.filter((o) => !o.may && !granted.has(o.label)).map((o) => o.label))], [])
})

test('every table has a row to be found', () => {
  assert.deepEqual(
    [...totals].filter(([name, n]) => n === 0 && !name.startsWith('tmidb_parts.')).map(([name]) => name),
    [],
  )
})

test('views and functions show everybody the rows and fields that the grants say', async (t) => {
  await inTransaction(async (client) => assert.deepEqual(await surprisingRows(client, world, null), []))
  t.diagnostic(
    `${readersOf(world).length} readers, ${Object.keys(probes).length} questions each, ${Object.keys(classProbes).length} of each class`,
  )
})
