// SPDX-License-Identifier: MIT
// A subscription's filter passes exactly the rows that the connection's filter finds in PostgreSQL.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import fc from 'fast-check'
import { type Kind, liveFilter } from '../../src/api/graphql/live-filter.ts'
import type { LiveRow } from '../../src/api/graphql/subscriptions.ts'
import { TmiError } from '../../src/base/errors.ts'
import { admin, type Served, serve } from './graphql-served.ts'

const kinds: Record<string, Kind> = {
  num: 'Float',
  big: 'BigFloat',
  text: 'String',
  flag: 'Boolean',
  doc: 'JSON',
  target: 'String',
  ts: 'Datetime',
}
const fields = new Map(Object.entries(kinds))
const values: Record<string, unknown[]> = {
  num: [0, -0, 1, 1.5, -2.25, 1e300, 1e-300, 9007199254740991, '1.5', 'x', null],
  big: ['12345678901234567890123', '-12345678901234567890123', '1.50', '0', '0.000000000000001', 'x', null],
  text: ['', 'a', 'A', 'ab', 'a%b', 'a_b', 'a\\b', '\\', '%', 'é', '😀', 'a😀b', 'line\nbreak', null],
  flag: [true, false, null],
  doc: [['a', 'b', 1], [], [1], 'a', 7, [['a']], null],
}
const from = Math.floor(Date.now() / 3_600_000 - 2) * 3_600_000
const at = (i: number) => `${new Date(from + i * 1000).toISOString().slice(0, 19)}.${String(i * 7).padStart(6, '0')}Z`

let api: Served
let rows: LiveRow[]
let operators: { type: string; name: string }[]

before(async () => {
  api = await serve(async (db) => {
    // The first reading gives the types; what does not fit them is null in this major.
    const first = '{"num": 1.5, "big": 12345678901234567890123, "text": "a", "flag": true, "doc": ["a"], "n": 0.5}'
    await db.query(`select tmidb.ingest('odd', 'first', $1::jsonb, $2)`, [first, at(0)])
    const readings = Array.from({ length: 60 }, (_, i) => {
      const payload: Record<string, unknown> = { n: i }
      for (const [k, [field, pool]] of Object.entries(values).entries()) {
        const value = pool[(i * (k + 3) + (i >> 3)) % pool.length]
        if (value !== null || i % 2 === 0) payload[field] = value
      }
      return { target: `t${i % 4}`, ts: at(i), data: payload }
    })
    await db.query(`select tmidb.ingest('odd', $1::jsonb)`, [JSON.stringify(readings)])
    await admin(db, 'select tmidb.publish_views()')
    const token = await admin(db, `select tmidb.create_listener('all')`)
    await admin(db, `select tmidb.subscribe('all', null)`)
    // As tmidb.fanout makes them.
    rows = await db.query<LiveRow>(
      `select '' as cursor, 'odd' as category, '1.0' as version, t.key as target,
         to_char(o.ts at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"') as ts, tmidb.typed_row(o.category_id, 1::smallint, o.payload) as row
       from tmidb.ts_obs o join tmidb.target t using (target_id)`,
    )
    return token
  })
  operators = [...api.sdl().matchAll(/\ninput (Float|BigFloat|Boolean|String|JSON|Datetime)EventFilter \{([^}]*)\}/g)].flatMap(
    ([, type = '', inside = '']) => [...inside.matchAll(/^ {2}(\w+):/gm)].map(([, name = '']) => ({ type, name })),
  )
  assert.ok(operators.length > 40)
})
after(() => api[Symbol.asyncDispose]())

const read = (row: LiveRow, field: string) => (field === 'target' || field === 'ts' ? row[field] : row.row?.[field])
const passing = (filter: object) => rows.filter(liveFilter<LiveRow>(filter as never, fields, read)).map((r) => Number(r.row?.n))
const sorted = (list: number[]) => list.sort((a, b) => a - b)

const word = fc.array(fc.constantFrom('a', 'b', '%', '_', '\\', 'é', '😀', 'A', '\n'), { maxLength: 4 }).map((c) => c.join(''))
const scalar: Record<string, fc.Arbitrary<unknown>> = {
  Float: fc.constantFrom(0, -0, 1, 1.5, -2.25, 1e300, 1e-300, 7),
  BigFloat: fc.constantFrom('12345678901234567890123', '12345678901234567890124', '1.5', '1.500', '-0', '1e-15', '+15E-1'),
  Boolean: fc.boolean(),
  String: fc.oneof(word, fc.constantFrom('a', 'ab', 't1', 'first', 'a_b')),
  Datetime: fc
    .integer({ min: 0, max: 61 })
    .chain((i) =>
      fc.constantFrom(
        at(i),
        at(i).replace('Z', '+00:00'),
        new Date(from + 9 * 3_600_000 + i * 1000).toISOString().replace(/\.\d+Z/, '+09:00'),
      ),
    ),
}
const patterns = /^(not)?(like|includes|startsWith|endsWith)$/i
/** PostgreSQL complains of a "\" at the end only where it comes that far; here it is refused at once, which another test shows. */
const whole = (operator: string) => (w: unknown) =>
  !(patterns.test(operator) && /(like|endsWith)$/i.test(operator) && /(^|[^\\])(\\\\)*\\$/.test(String(w)))

function condition(field: string): fc.Arbitrary<object> {
  const kind = kinds[field]!
  return fc.constantFrom(...operators.filter((o) => o.type === kind).map((o) => o.name)).chain((operator) => {
    const value =
      operator === 'isNull'
        ? fc.boolean()
        : operator === 'containsKey'
          ? word
          : /Keys$/.test(operator)
            ? fc.array(word, { maxLength: 3 })
            : /^(in|notIn)$/.test(operator)
              ? fc.array(scalar[kind]!, { maxLength: 3 })
              : scalar[kind]!.filter(whole(operator))
    return value.map((v) => ({ [operator]: v }))
  })
}
const { filter } = fc.letrec<{ filter: object; leaf: object }>((tie) => ({
  leaf: fc.constantFrom(...Object.keys(kinds)).chain((field) => {
    const lazily = fc.constant(null).chain(() => condition(field))
    return fc.tuple(lazily, lazily).map(([a, b]) => ({ [field]: { ...a, ...b } }))
  }),
  filter: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('filter'), { maxLength: 3 }).map((and) => ({ and })),
    fc.array(tie('filter'), { maxLength: 3 }).map((or) => ({ or })),
    tie('filter').map((not) => ({ not })),
    fc.tuple(tie('leaf'), tie('filter')).map(([leaf, not]) => ({ ...leaf, not })),
  ),
}))

test('any filter passes the rows that PostgreSQL finds, no more and no fewer', async () => {
  await fc.assert(
    fc.asyncProperty(filter, async (f) => {
      const { data, errors } = await api.ask('query ($f: OddV1Filter) { oddV1(filter: $f, first: 1000) { nodes { n } } }', {
        variables: { f },
      })
      assert.equal(errors, undefined, JSON.stringify(errors))
      assert.deepEqual(sorted(passing(f)), sorted(data.oddV1.nodes.map((r: { n: number }) => r.n)))
    }),
    { numRuns: 150, interruptAfterTimeLimit: 20_000, markInterruptAsFailure: false },
  )
})

test('every operator finds something and leaves something out', () => {
  const seen = new Set<string>()
  for (const field of Object.keys(kinds)) {
    for (const f of fc.sample(condition(field), { numRuns: 500, seed: 1 })) {
      const found = passing({ [field]: f }).length
      if (found > 0 && found < rows.length) seen.add(`${kinds[field]} ${Object.keys(f)[0]}`)
    }
  }
  // A reading always has a time.
  const all = operators.map((o) => `${o.type} ${o.name}`).filter((o) => o !== 'Datetime isNull')
  assert.deepEqual(
    all.filter((o) => !seen.has(o)),
    [],
  )
})

test('what cannot be evaluated is refused when the subscription is made', () => {
  for (const f of [
    {},
    { text: {} },
    { text: { equalTo: null } },
    { not: {} },
    { and: [{}] },
    { text: { like: 'a\\' } },
    { text: { endsWith: '\\' } },
    { text: { like: 'x'.repeat(1001) } },
    { ts: { lessThan: 'tomorrow' } },
    { ts: { lessThan: '2026-02-30T00:00:00Z' } },
    { big: { lessThan: 'NaN' } },
    { or: Array.from({ length: 101 }, () => ({ num: { equalTo: 1 } })) },
  ])
    assert.throws(
      () => passing(f),
      (e) => e instanceof TmiError && e.code === 'TM303',
      JSON.stringify(f),
    )
})

test('a pattern full of "%" takes no longer than text times pattern', () => {
  const passes = liveFilter<{ t: string }>({ t: { like: `${'%a'.repeat(400)}b` } }, new Map([['t', 'String']]), (r) => r.t)
  assert.equal(passes({ t: 'a'.repeat(20_000) }), false)
})

test('a subscription gives what passes, and a field that an event has not passes no filter but isNull', async () => {
  const client = api.socket(await admin(api.db, `select tmidb.create_listener('one')`))
  await admin(api.db, `select tmidb.subscribe('one', 'odd')`)
  const seen: unknown[] = []
  const listen = (query: string, variables = {}) =>
    client.subscribe(
      { query, variables },
      { next: (m) => seen.push(m.errors ?? m.data), error: (e) => seen.push(e), complete() {} },
    )
  listen('subscription ($f: OddV1EventFilter) { oddV1(filter: $f) { num text } }', {
    f: { num: { greaterThan: 1 }, or: [{ text: { startsWith: 'a' } }, { text: { isNull: true } }] },
  })
  await api.hub.opened(1)
  const event = { cursor: 'c', category: 'odd', version: '1.0', target: 't', ts: at(1) }
  for (const row of [
    { num: 1, text: 'a' },
    { num: 2, text: 'b' },
    { num: 2, text: 'ab' },
    { num: 3 },
    { text: 'a' },
    null,
    { num: 4, text: 'a' },
  ])
    api.hub.emit({ ...event, row })
  for (let n = 0; seen.length < 3 && n < 500; n++) await sleep(10)
  assert.deepEqual(
    seen.map((s) => (s as { oddV1: unknown }).oddV1),
    [
      { num: 2, text: 'ab' },
      { num: 3, text: null },
      { num: 4, text: 'a' },
    ],
  )
  seen.length = 0
  listen('subscription { oddV1(filter: {text: {like: "a\\\\"}}) { num } }')
  for (let n = 0; seen.length < 1 && n < 500; n++) await sleep(10)
  assert.match(JSON.stringify(seen), /TM303/)
})
