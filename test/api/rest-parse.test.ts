// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeCatalog, type Relation } from '../../src/api/rest/catalog.ts'
import { RestError } from '../../src/api/rest/error.ts'
import { link } from '../../src/api/rest/link.ts'
import { csv, pageWindow } from '../../src/api/rest/page.ts'
import { parseQuery } from '../../src/api/rest/parse.ts'
import { selectSql } from '../../src/api/rest/sql.ts'

const column = (name: string, type: string, short = type) => ({
  name,
  type,
  typeName: ['pg_catalog', short] as [string, string],
  comment: null,
})
const catalog = makeCatalog(
  ['api'],
  [
    {
      schema: 'api',
      name: 'sensor_v1',
      comment: '@primaryKey target_id,ts,reading_id\n@tmidbCategory sensor\n@tmidbMajor 1\nReadings.',
      columns: [
        column('target', 'text'),
        column('target_id', 'uuid'),
        column('ts', 'timestamp with time zone', 'timestamptz'),
        column('reading_id', 'bigint', 'int8'),
        column('temperature', 'double precision', 'float8'),
        column('gps.lat', 'double precision', 'float8'),
        column('meta', 'jsonb'),
      ],
    },
  ],
)
const relation = catalog.relations.get('sensor_v1') as Relation
const context = { catalog, major: 1, role: 'tmidb_admin', isKnown: () => true } as const

const refused = (search: string, code: string) =>
  assert.throws(
    () => parseQuery(search),
    (e) => e instanceof RestError && e.code === code,
    search,
  )

test('a filter is a field, an operator and a value that may hold dots and commas', () => {
  assert.deepEqual(parseQuery('a=eq.1.5,x').where, [
    { kind: 'compare', field: { name: 'a', path: [] }, not: false, op: 'eq', value: '1.5,x' },
  ])
})

test('not not is nothing', () => {
  assert.equal((parseQuery('a=not.not.eq.1').where[0] as { not: boolean }).not, false)
})

test('names: other scripts, spaces, dashes, dots, quotes', () => {
  const name = (search: string) => (parseQuery(search).where[0] as { field: { name: string } }).field.name
  assert.equal(name('온도=eq.1'), '온도')
  assert.equal(name('my-field=eq.1'), 'my-field')
  assert.equal(name('gps.lat=eq.1'), 'gps.lat')
  assert.equal(name('"a b.c"=eq.1'), 'a b.c')
  assert.deepEqual(parseQuery('order="gps.lat".desc').order, [
    { field: { name: 'gps.lat', path: [] }, embed: null, descending: true, nulls: null },
  ])
})

test('values inside and/or: quotes, braces, nested groups', () => {
  const [tree] = parseQuery('or=(a.eq."x,)\\"",b.cs.{1,2},c.in.(1,"2,3"),not.and(d.is.null,e.not.gt.3))').where
  assert.deepEqual(tree, {
    kind: 'logic',
    op: 'or',
    not: false,
    conditions: [
      { kind: 'compare', field: { name: 'a', path: [] }, not: false, op: 'eq', value: 'x,)"' },
      { kind: 'compare', field: { name: 'b', path: [] }, not: false, op: 'cs', value: '{1,2}' },
      { kind: 'in', field: { name: 'c', path: [] }, not: false, values: ['1', '2,3'] },
      {
        kind: 'logic',
        op: 'and',
        not: true,
        conditions: [
          { kind: 'is', field: { name: 'd', path: [] }, not: false, value: 'null' },
          { kind: 'compare', field: { name: 'e', path: [] }, not: true, op: 'gt', value: '3' },
        ],
      },
    ],
  })
})

test('what is not of the grammar is PGRST100', () => {
  for (const search of [
    'a=1',
    'a=eq',
    'a=xx.1',
    'a=is.maybe',
    'a=in.1,2',
    'a=in.(1',
    'or=a.eq.1',
    'or=(a.eq.1',
    'or=()',
    'or=(a)',
    'select=a,,b',
    'select=a::money',
    'select=a::text;drop',
    'order=a.up',
    'order=a.desc.asc',
    'order=a.',
    'limit=1e3',
    'offset=1.5',
    'a->>b->c=eq.1',
    'select="a',
    `or=${'(and('.repeat(11)}`,
  ])
    refused(search, 'PGRST100')
  refused('select=*,count()', 'PGRST123')
  refused('select=temperature.avg()', 'PGRST123')
  refused('site.limit=5', 'PGRST108')
  refused(`select=${'a('.repeat(11)}${')'.repeat(11)}`, 'PGRST100')
  refused('limit=-5', 'PGRST103')
})

test('the window is never more than a page, nor before the first row', () => {
  const window = (search: string, range?: string) => pageWindow(parseQuery(search), range)
  assert.deepEqual(window(''), { offset: 0, limit: 50 })
  assert.deepEqual(window('limit=2000&offset=7'), { offset: 7, limit: 1000 })
  assert.deepEqual(window('', '10-19'), { offset: 10, limit: 10 })
  assert.deepEqual(window('', 'bytes=0-5'), { offset: 0, limit: 50 })
  assert.deepEqual(window('limit=3', '5-9'), { offset: 5, limit: 0 })
})

test('csv tells null from an empty text', () => {
  assert.equal(
    csv(
      ['a', 'b'],
      [
        [null, ''],
        ['x"y', 'l\nm'],
      ],
    ),
    'a,b\n,""\n"x""y","l\nm"',
  )
})

const piece = fc.oneof(
  fc.constantFrom(
    'select',
    'order',
    'limit',
    'offset',
    'and',
    'or',
    'not.and',
    'target',
    'temperature',
    'meta',
    'ts',
    '=',
    '&',
    '(',
    ')',
    ',',
    '.',
    '"',
    '->',
    '->>',
    '::',
    ':',
    '*',
    'eq',
    'in',
    'is',
    'not',
    'like(any)',
    '{',
    '}',
    '[',
    ']',
    'null',
    'desc',
    'nullslast',
    'text',
    '\\',
    '%22',
    '%00',
    '-1',
    '7',
  ),
  fc.string({ maxLength: 4 }),
)

test('whatever is asked, it is answered with SQL or a RestError, and no word of the caller is in the SQL', () => {
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 25 }), fc.boolean(), (pieces, csvAsked) => {
      try {
        const query = parseQuery(pieces.join(''))
        const statement = selectSql(link(context, relation, query), {
          ...pageWindow(query, undefined),
          count: 'exact',
          shape: csvAsked ? 'texts' : 'objects',
        })
        // Aliases are the only names of the caller's; they are quoted identifiers.
        const bare = statement.text.replace(/"(?:[^"]|"")*"/g, '').replace(/'(?:[^']|'')*'/g, '')
        assert.match(bare, /^[a-z0-9_ .,()*$:<>=~@[\]-]*$/)
      } catch (e) {
        if (!(e instanceof RestError)) throw e
      }
    }),
    { numRuns: 3000 },
  )
})
