// SPDX-License-Identifier: MIT
// Rows that an operation may come to, by its pages and variables.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { buildSchema, parse } from 'postgraphile/graphql'
import { costProblems } from '../../src/api/graphql/cost.ts'

const schema = buildSchema(`
  type Query { trucks(first: Int, last: Int, offset: Int, orderBy: [String!]): Trucks, one: Truck, all: [Truck!] }
  type Trucks { nodes: [Truck!], totalCount: Int }
  interface Thing { readings(first: Int, last: Int): Readings }
  type Truck implements Thing { key: String, readings(first: Int, last: Int): Readings, owner: Truck }
  type Readings { nodes: [Reading!], totalCount: Int }
  type Reading { ts: String, truck: Truck }
`)
const problem = (text: string, variables?: Record<string, unknown>, name?: string): string =>
  costProblems(schema, parse(text), name, variables)[0]?.message ?? ''

test('a page within a page is multiplied, and pages beside each other are added', () => {
  assert.equal(problem('{ trucks(first: 100) { nodes { readings(first: 99) { nodes { ts } } } } }'), '')
  assert.match(
    problem('{ trucks(first: 100) { nodes { readings(first: 100) { nodes { ts } } } } }'),
    /10,100 rows \(100 trucks × 100 readings\); at most 10,000/,
  )
  assert.equal(problem('{ a: trucks(first: 1000) { nodes { key } } b: trucks(last: 1000) { nodes { key } } }'), '')
  assert.match(
    problem('{ trucks(first: 1000) { nodes { a: readings(first: 5) { nodes { ts } } b: readings(last: 5) { nodes { ts } } } } }'),
    /11,000/,
  )
})

test('a page of which nothing is said counts with its default', () => {
  assert.equal(problem('{ trucks { nodes { readings { nodes { ts } } } } }'), '')
  assert.match(problem('{ trucks { nodes { readings { nodes { truck { readings { nodes { ts } } } } } } } }'), /127,550 rows/)
  assert.match(problem('{ trucks(first: null) { nodes { readings(first: 1000) { nodes { ts } } } } }'), /50,050/)
})

test('variables count with what they are, and with their defaults', () => {
  const text = 'query ($n: Int = 100, $m: Int) { trucks(first: $n) { nodes { readings(first: $m) { nodes { ts } } } } }'
  assert.equal(problem(text), '')
  assert.equal(problem(text, { m: 99 }), '')
  assert.match(problem(text, { m: 100 }), /10,100/)
  assert.match(problem(text, { n: 1000 }), /51,000/)
  assert.match(problem(text, { n: 1001, m: 1 }), /"first" may be at most 1000/)
  assert.match(problem(text, { n: -1 }), /0 or more/)
  assert.equal(problem(text, { n: null, m: 100 }), '')
})

test('fields that are merged count once, in fragments too; other names and other fragments count again', () => {
  const inner = 'readings(first: 90) { nodes { ts } }'
  assert.equal(problem(`{ trucks(first: 100) { nodes { ${inner} ${inner} ...f ...f } } } fragment f on Truck { ${inner} }`), '')
  assert.match(problem(`{ trucks(first: 100) { nodes { ${inner} ...f } } } fragment f on Truck { other: ${inner} }`), /18,100/)
  assert.match(problem(`{ one { ... on Thing { readings(first: 1000) { nodes { truck { ${inner} } } } } } }`), /91,000/)
})

test('a count is taken for 100 rows, each time that it is made', () => {
  assert.equal(problem('{ trucks(first: 50) { totalCount nodes { key } } }'), '')
  assert.match(
    problem(
      '{ trucks(first: 1) { nodes { readings(first: 1) { ...c } } } trucks2: trucks(first: 99) { nodes { readings(first: 1) { ...c } } } } fragment c on Readings { totalCount }',
    ),
    /10,100 rows/,
  )
  assert.equal(
    problem(
      '{ trucks(first: 90) { nodes { readings(first: 1) { ...c ... on Readings { totalCount } } } } } fragment c on Readings { totalCount }',
    ),
    '',
  )
})

test('only the operation that is asked for counts', () => {
  const text = 'query small { trucks(first: 1) { totalCount } } query large { trucks(first: 1001) { totalCount } }'
  assert.equal(problem(text, {}, 'small'), '')
  assert.match(problem(text, {}, 'large'), /at most 1000/)
})
