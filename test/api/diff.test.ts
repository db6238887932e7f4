// SPDX-License-Identifier: MIT
// What of a changed API breaks who calls it today: each rule on the smallest documents that show it.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildSchema } from 'postgraphile/graphql'
import type { ApiChange } from '../../src/api/change.ts'
import { apiDiff } from '../../src/api/diff.ts'
import { graphqlDiff } from '../../src/api/diff-graphql.ts'
import { openapiDiff } from '../../src/api/diff-openapi.ts'

const told = (changes: ApiChange[]) => changes.map((c) => `${c.breaking ? '!' : ' '} ${c.kind} ${c.path}`).sort()
const graphql = (before: string, after: string) => told(graphqlDiff(buildSchema(before), buildSchema(after)))

interface Document {
  row?: Record<string, unknown>
  parameters?: unknown[]
  written?: boolean
  methods?: string[]
}

function openapi({ row, parameters = [], written = false, methods = ['get'] }: Document) {
  const content = { 'application/json': { schema: { $ref: '#/components/schemas/pump' } } }
  const operation = { parameters, responses: { 200: { content } }, ...(written ? { requestBody: { content } } : {}) }
  return {
    paths: { '/api/pump': Object.fromEntries(methods.map((m) => [m, operation])) },
    components: { schemas: row === undefined ? {} : { pump: row } },
  }
}

const rest = (before: Document, after: Document) => told(openapiDiff(openapi(before), openapi(after)))
const properties = (of: Record<string, unknown>, required: string[] = []) => ({ row: { properties: of, required } })
const number = { type: 'number' }
const text = { type: 'string' }

test('GraphQL: what goes or changes its type breaks, what comes does not', () => {
  const before = 'type Query { pump: Pump, pumps(first: Int): [Pump] } type Pump { name: String, size: Int }'
  const after =
    'type Query { pumps(first: Int, after: String): [Pump] } type Pump { name: [String], size: Int!, note: String } enum E { A }'
  assert.deepEqual(graphql(before, after), [
    '  added E',
    '  added Pump.note',
    '  added Query.pumps',
    '! changed Pump.name',
    '! removed Query.pump',
  ])
})

test('GraphQL: an input that must be given breaks, one that may be given does not; a new reason to move on is told', () => {
  const before = 'type Query { a(in: In): Int, b: Int } input In { x: Int }'
  const after = 'type Query { a(in: In): Int, b: Int @deprecated(reason: "use a") } input In { x: Int, y: Int!, z: Int }'
  assert.deepEqual(graphql(before, after), ['  added In.z', '  changed Query.b', '! added In'])
})

test('OpenAPI: a method, a parameter, a property that goes breaks; one that comes does not', () => {
  const p = (name: string, more = {}) => ({ name, in: 'query', schema: text, ...more })
  assert.deepEqual(rest({ methods: ['get', 'delete'] }, { methods: ['get', 'post'] }), [
    '  added POST /api/pump',
    '! removed DELETE /api/pump',
  ])
  assert.deepEqual(rest({ parameters: [p('a'), p('b')] }, { parameters: [p('b', { required: true }), p('c')] }), [
    '  added GET /api/pump c',
    '! changed GET /api/pump b',
    '! removed GET /api/pump a',
  ])
  assert.deepEqual(rest(properties({ a: text, b: number }), properties({ b: text, c: number })), [
    '  added pump.c',
    '! changed pump.b',
    '! removed pump.a',
  ])
})

test('OpenAPI: who reads takes less kinds of values, who writes may send more; neither the other way round', () => {
  const maybe = properties({ a: { type: ['string', 'null'] } })
  const sure = properties({ a: text })
  assert.deepEqual(rest(maybe, sure), ['  changed pump.a'])
  assert.deepEqual(rest(sure, maybe), ['! changed pump.a'])
  assert.deepEqual(rest({ ...sure, written: true }, { ...maybe, written: true }), ['  changed pump.a'])
  assert.deepEqual(rest({ ...maybe, written: true }, { ...sure, written: true }), ['! changed pump.a'])
})

test('OpenAPI: a column that must be given breaks who writes, not who reads', () => {
  const before = properties({ a: text })
  const after = properties({ a: text, b: text }, ['b'])
  assert.deepEqual(rest(before, after), ['  added pump.b'])
  assert.deepEqual(rest({ ...before, written: true }, { ...after, written: true }), ['! added pump.b'])
})

test('OpenAPI: an address that stands for another relation breaks, though its columns are the same', () => {
  const of = (relation: string) => ({ row: { 'x-tmidb-relation': relation, properties: { a: text } } })
  assert.deepEqual(rest(of('fleet.pump'), of('app.pump')), ['! changed pump'])
})

test('what is the same for all roles is said once, what is not names the roles', () => {
  const schema = buildSchema('type Query { a: Int }')
  const contract = (listener: Document, admin: Document) => ({
    graphql: schema,
    leftOut: new Map(),
    openapi: new Map([
      ['tmidb_listener', openapi(listener)],
      ['tmidb_admin', openapi(admin)],
    ] as const),
  })
  const before = contract({ methods: ['get'] }, { methods: ['get'] })
  const changes = apiDiff(before, contract({ methods: [] }, { methods: ['post'] }))
  assert.deepEqual(
    changes.map((c) => c.text),
    ['GET /api/pump was removed.', 'POST /api/pump was added, for admins.'],
  )
})
