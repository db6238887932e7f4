// SPDX-License-Identifier: MIT
// What somebody may send to take more than their share, for a database with a category "sensor" that has a temperature and a status.
// Each is refused with 4xx over HTTP and with an error over a socket; bench/attacks.ts sends the same.

export interface GraphqlAttack {
  name: string
  /** The body as JSON text. */
  body: string
  /** The code of the refusal. */
  code: string
  /** By the token that may not introspect; otherwise by one that may. */
  blind?: boolean
  /** What one of the two ways carries legally. */
  only?: 'http' | 'ws'
}

const many = (n: number, of: (i: number) => string, between = ' '): string =>
  Array.from({ length: n }, (_, i) => of(i)).join(between)
const query = (text: string, variables?: unknown): string => JSON.stringify({ query: text, ...(variables ? { variables } : {}) })
const tower = (n: number, open: string, inside: string): string => `${open.repeat(n)}${inside}${' }'.repeat(n)}`
const nested = (n: number): string => `${'{"and":['.repeat(n)}{"temperature":{"equalTo":1}}${']}'.repeat(n)}`
const filtered = 'query ($f: SensorV1Filter) { sensorV1(filter: $f) { totalCount } }'

const TM303 = 'TM303'
const TM308 = 'TM308'

export const graphqlAttacks: GraphqlAttack[] = [
  { name: '11 levels', body: query(`{ ${tower(11, 'targets { ', 'key')} }`), code: TM308 },
  { name: '11 levels through a fragment', body: query(`{ ...f } fragment f on Query { ${tower(11, 'targets { ', 'key')} }`), code: TM308 },
  { name: '900 levels of inline fragments and braces', body: query(`{ ${tower(240, '... { a ', 'b')} ${tower(20, 'c { ', 'd')} }`), code: TM308 },
  { name: '16 aliases', body: query(`{ ${many(16, (i) => `a${i}: __typename`)} }`), code: TM308 },
  { name: '16 aliases through fragments', body: query(`{ ...f ...g } fragment f on Query { ${many(8, (i) => `a${i}: __typename`)} } fragment g on Query { ...f }`), code: TM308 },
  { name: '16 aliases deep inside', body: query(`{ targets { nodes { ${many(16, (i) => `a${i}: key`)} } } }`), code: TM308 },
  { name: '1,001 tokens', body: query(`{ ${'key '.repeat(1000)} }`), code: TM308 },
  { name: '49,000 open braces', body: query('{'.repeat(49_000)), code: TM303 },
  { name: 'a fragment bomb of 16^9 fields', body: query(`{ ...f0 } ${many(9, (i) => `fragment f${i} on Query { ${many(16, (k) => `x${k} { ...f${i + 1} }`)} }`)} fragment f9 on Query { y }`), code: TM308 },
  { name: 'fragments in a circle', body: query('{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }'), code: TM303 },
  { name: 'a fragment in itself', body: query('{ ...a } fragment a on Query { targets { nodes { key } } ...a }'), code: TM303 },
  { name: '51 fragments', body: query(`{ __typename } ${many(51, (i) => `fragment f${i} on Query { __typename }`)}`), code: TM308 },
  { name: '11 operations', body: query(many(11, (i) => `query q${i} { __typename }`)), code: TM308 },
  { name: '51 directives on one field', body: query(`{ __typename ${'@include(if: true) '.repeat(51)} }`), code: TM308 },
  { name: '51 directives on many', body: query(`{ targets { nodes { ${many(5, () => `key ${'@skip(if: false) '.repeat(11)}`)} } } }`), code: TM308 },
  { name: 'one field 300 times', body: query(`{ targets { ${'totalCount '.repeat(300)} } }`), code: TM308 },
  { name: 'one field with braces 11 times', body: query(`{ ${'targets { totalCount } '.repeat(11)} }`), code: TM308 },
  { name: 'one fragment 11 times', body: query(`{ ${'...f '.repeat(11)} } fragment f on Query { __typename }`), code: TM308 },
  { name: 'two and two and two to 2^8 fields to merge', body: query(`{ ${((n) => { const two = (k: number): string => (k === 0 ? 'key' : `n { ${two(k - 1)} } n { ${two(k - 1)} }`); return two(n) })(7)} }`), code: TM308 },
  { name: '21 fields at the top', body: query(`{ ${many(21, (i) => `field${i} { totalCount }`)} }`), code: TM308 },
  { name: '11 calls of functions', body: query(`{ ${many(11, (i) => `a${i}: latest(first: 1) { nodes { ts } }`)} }`), code: TM308 },
  { name: 'a page of 100,000', body: query('{ sensorV1(first: 100000) { nodes { ts } } }'), code: TM308 },
  { name: 'a last page of 1,001', body: query('{ sensorV1(last: 1001) { nodes { ts } } }'), code: TM308 },
  { name: 'an offset of 100,001', body: query('{ sensorV1(offset: 100001) { nodes { ts } } }'), code: TM308 },
  { name: 'a page of -1', body: query('{ sensorV1(first: -1) { nodes { ts } } }'), code: TM303 },
  { name: 'a page beyond 32 bits', body: query('{ sensorV1(first: 99999999999999999999) { nodes { ts } } }'), code: TM303 },
  { name: 'a page that is text', body: query('{ sensorV1(first: "1000000") { nodes { ts } } }'), code: TM303 },
  { name: 'a page of 1,001 by a variable', body: query('query ($n: Int) { sensorV1(first: $n) { nodes { ts } } }', { n: 1001 }), code: TM308 },
  { name: "a page of 5,000 by a variable's default", body: query('query ($n: Int = 5000) { sensorV1(first: $n) { nodes { ts } } }'), code: TM308 },
  { name: '11 pages of 1,000 beside each other', body: query(`{ ${many(11, (i) => `a${i}: sensorV1(first: 1000) { nodes { ts } }`)} }`), code: TM308 },
  { name: '15 pages by one variable', body: query(`query ($n: Int) { ${many(15, (i) => `a${i}: sensorV1(first: $n) { nodes { ts } }`)} }`, { n: 900 }), code: TM308 },
  { name: '17 orders', body: query(`{ sensorV1(orderBy: [${'TS_DESC '.repeat(17)}]) { totalCount } }`), code: TM308 },
  { name: '900 orders by a variable', body: query('query ($o: [SensorV1OrderBy!]) { sensorV1(orderBy: $o) { totalCount } }', { o: Array(900).fill('TS_DESC') }), code: TM308 },
  { name: 'a filter of 25 levels', body: query(`{ sensorV1(filter: ${'{and: ['.repeat(13)}{temperature: {equalTo: 1}}${']}'.repeat(13)}) { totalCount } }`), code: TM308 },
  { name: 'a filter of 5,000 levels by a variable', body: `{"query":${JSON.stringify(filtered)},"variables":{"f":${nested(5000)}}}`, code: TM308 },
  { name: 'a filter of 2,001 values', body: query(filtered, { f: { or: Array.from({ length: 700 }, (_, i) => ({ temperature: { equalTo: i } })) } }), code: TM308 },
  { name: 'a list of 1,001 targets', body: query('query ($t: [String!]) { sensorV1(targets: $t) { totalCount } }', { t: Array.from({ length: 1001 }, (_, i) => `t${i}`) }), code: TM308 },
  { name: 'a list of 1,001 values to be in', body: query(filtered, { f: { temperature: { in: Array.from({ length: 1001 }, (_, i) => i) } } }), code: TM308 },
  { name: 'variables nobody asked for', body: `{"query":"{ __typename }","variables":{"x":${'['.repeat(9000)}${']'.repeat(9000)}}}`, code: TM308 },
  { name: 'fields of types of fields of types', body: query(`{ __schema { types { ${tower(2, 'fields { type { ', 'name')} }  } } } }`), code: TM308 },
  { name: 'the same through fragments', body: query('{ __schema { types { ...t } } } fragment t on __Type { fields { type { ...u } } } fragment u on __Type { fields { name } }'), code: TM308 },
  { name: 'possible types of interfaces of types', body: query('{ __schema { types { interfaces { possibleTypes { name } } } } }'), code: TM308 },
  { name: '21 levels of ofType', body: query(`{ __schema { types { ${tower(20, 'ofType { ', 'name')} } } }`), code: TM308 },
  { name: 'the schema under another name', body: query('{ a: __schema { types { name } } }'), code: TM308 },
  { name: 'the schema five times', body: query(`{ __schema { ${many(5, (i) => `a${i}: types { name }`)} } }`), code: TM308 },
  { name: 'introspection', body: query('{ __schema { types { name } } }'), code: 'TM102', blind: true },
  { name: 'introspection of a type', body: query('{ __type(name: "Query") { fields { name } } }'), code: 'TM102', blind: true },
  { name: 'introspection in a fragment', body: query('{ ...a } fragment a on Query { ...b } fragment b on Query { __schema { queryType { name } } }'), code: 'TM102', blind: true },
  { name: 'introspection in an inline fragment', body: query('{ ... on Query { ... { __schema { queryType { name } } } } }'), code: 'TM102', blind: true },
  { name: 'introspection under another name', body: query('{ sensorV1: __type(name: "Query") { name } }'), code: 'TM102', blind: true },
  { name: 'introspection that is skipped', body: query('{ __typename __schema @skip(if: true) { queryType { name } } }'), code: 'TM102', blind: true },
  { name: 'introspection behind another operation', body: JSON.stringify({ query: 'query a { __typename } query b { __schema { queryType { name } } }', operationName: 'a' }), code: 'TM102', blind: true },
  { name: 'a guess at a field', body: query('{ sensrV1 { totalCount } }'), code: TM303, blind: true },
  { name: 'a guess at an argument', body: query('{ sensorV1(frist: 1) { totalCount } }'), code: TM303, blind: true },
  { name: 'a guess at an order', body: query('{ sensorV1(orderBy: TEMPERATUR_DESC) { totalCount } }'), code: TM303, blind: true },
  { name: 'a guess at a type', body: query('query ($f: SensorV1Filte) { sensorV1(filter: $f) { totalCount } }'), code: TM303, blind: true },
  { name: 'a guess at a field of a variable', body: query(filtered, { f: { temperatur: { equalTo: 1 } } }), code: TM303, blind: true },
  { name: '60 unknown fields', body: query(`{ targets { ${many(60, (i) => `sensr${i}`)} } }`), code: TM303 },
  { name: 'a mutation', body: query('mutation { createTarget { clientMutationId } }'), code: TM303 },
  { name: 'a subscription over HTTP', body: query('subscription { sensorV1 { cursor } }'), code: TM303, only: 'http' },
  { name: 'nothing', body: query(''), code: TM303 },
  { name: 'only a fragment', body: query('fragment a on Query { __typename }'), code: TM303 },
  { name: 'a type', body: query('type Query { a: Int }'), code: TM308 },
  { name: 'an extension of the schema', body: query('extend schema { query: Target }'), code: TM308 },
  { name: 'a text without an end', body: query('{ sensorV1(target: "x) { totalCount } }'), code: TM303 },
  { name: 'control characters', body: query('{ \u0000 }'), code: TM303 },
  { name: 'an operation that is not there', body: JSON.stringify({ query: 'query a { __typename }', operationName: 'b' }), code: TM303 },
  { name: 'two operations, none named', body: query('query a { __typename } query b { __typename }'), code: TM303 },
  { name: 'a deferred fragment', body: query('{ ... @defer { __typename } }'), code: TM303 },
  { name: 'a streamed list', body: query('{ targets { nodes @stream { key } } }'), code: TM303 },
  { name: 'a query that is a number', body: '{"query":5}', code: TM303 },
  { name: 'variables that are a list', body: '{"query":"{ __typename }","variables":[1]}', code: TM303 },
  { name: 'an operation name that is an object', body: '{"query":"{ __typename }","operationName":{}}', code: TM303 },
  { name: 'a batch', body: '[{"query":"{ __typename }"},{"query":"{ __typename }"}]', code: TM303 },
  { name: 'an unknown document', body: `{"id":"sha256:${'0'.repeat(64)}"}`, code: 'TM307' },
  { name: 'an id that is a path', body: '{"documentId":"../../etc/passwd"}', code: 'TM307' },
  { name: 'a hash of another text', body: JSON.stringify({ query: '{ __typename }', extensions: { persistedQuery: { version: 1, sha256Hash: 'a'.repeat(64) } } }), code: 'TM307' },
  { name: "Apollo's unknown hash", body: JSON.stringify({ extensions: { persistedQuery: { version: 1, sha256Hash: 'b'.repeat(64) } } }), code: 'TM307' },
  { name: 'a body of 120 kB', body: query(`{ __typename } #${'x'.repeat(120_000)}`), code: 'TM212', only: 'http' },
] // biome-ignore format: one a line

export interface RestAttack {
  name: string
  path: string
  code: string
  method?: string
  body?: string
  headers?: Record<string, string>
}

const rows = '/api/v1/sensor?'

export const restAttacks: RestAttack[] = [
  { name: 'a limit of -1', path: `${rows}limit=-1`, code: 'PGRST103' },
  { name: 'a limit that is no number', path: `${rows}limit=1e9`, code: 'PGRST100' },
  { name: 'an offset of 100,001', path: `${rows}offset=100001`, code: TM308 },
  { name: 'an offset of 2^53', path: `${rows}offset=9007199254740991`, code: TM308 },
  { name: 'a range that far behind', path: rows, headers: { range: '200000-200010' }, code: TM308 },
  { name: 'a range backwards', path: rows, headers: { range: '10-1' }, code: 'PGRST103' },
  { name: '1,001 columns', path: `${rows}select=${many(1001, (i) => `a${i}:ts`, ',')}`, code: TM308 },
  { name: '17 orders', path: `${rows}order=${many(17, () => 'ts', ',')}`, code: TM308 },
  { name: '11 levels of and', path: `${rows}and=${'(and'.repeat(11)}(temperature.eq.1)${')'.repeat(11)}`, code: 'PGRST100' },
  { name: '201 filters', path: rows + many(201, () => 'temperature=gt.1', '&'), code: TM308 },
  { name: '201 filters in one or', path: `${rows}or=(${many(201, () => 'temperature.gt.1', ',')})`, code: TM308 },
  { name: 'a list of 1,001', path: `${rows}temperature=in.(${many(1001, String, ',')})`, code: TM308 },
  { name: 'a path of 33 steps', path: `${rows}select=status${'->a'.repeat(33)}`, code: TM308 },
  { name: 'a path of 3,000 steps in a filter', path: `${rows}status${'->a'.repeat(3000)}=eq.1`, code: TM308 },
  { name: '11 patterns', path: rows + many(11, () => 'status=like.*a*', '&'), code: TM308 },
  { name: 'a pattern of 501', path: `${rows}status=like.${'a*'.repeat(251)}`, code: TM308 },
  { name: 'a regular expression that takes a second a row', path: `${rows}status=match.(a?){200}a{200}`, code: TM308 },
  { name: 'a regular expression of nested counts', path: `${rows}status=imatch.${encodeURIComponent('(((a{1,255}){1,255}){1,255}){1,255}')}`, code: TM308 },
  { name: 'a regular expression that is none', path: `${rows}status=match.${'('.repeat(50)}`, code: '2201B' },
  { name: 'a column that is not there', path: `${rows}select=password`, code: '42703' },
  { name: 'a cast to what it likes', path: `${rows}select=status::regclass`, code: 'PGRST100' },
  { name: 'a way out of the column', path: `${rows}select=${encodeURIComponent('ts");select pg_sleep(9)--')}`, code: 'PGRST100' },
  { name: 'a way out of the operator', path: `${rows}status=${encodeURIComponent("eq;drop table x.'")}`, code: 'PGRST100' },
  { name: 'an operator that is none', path: `${rows}status=zzz.x`, code: 'PGRST100' },
  { name: 'a character no text can keep', path: `${rows}status=eq.%00`, code: '22021' },
  { name: 'a table of the catalog', path: '/api/pg_authid/x', code: 'PGRST205' },
  { name: 'a category that is not there', path: '/api/v1/nothing', code: 'PGRST205' },
  { name: 'a function that is not there', path: '/api/rpc/pg_sleep?seconds=9', code: 'PGRST202' },
  { name: 'an argument nested 5,000 levels', path: '/api/rpc/latest', method: 'POST', body: `{"x":${'['.repeat(5000)}${']'.repeat(5000)}}`, code: 'PGRST102' },
  { name: 'arguments of 1.1 MB', path: '/api/rpc/latest', method: 'POST', body: `{"x":"${'x'.repeat(1_100_000)}"}`, code: 'PGRST102' },
  { name: 'a list as arguments', path: '/api/rpc/latest', method: 'POST', body: '[]', code: 'PGRST102' },
  { name: 'a method of another kind', path: rows, method: 'TRACE-ME', code: 'PGRST117' },
  { name: 'preferences that are none', path: rows, headers: { prefer: 'handling=strict, everything=now' }, code: 'PGRST122' },
  { name: 'a form that is none', path: rows, headers: { accept: 'application/x-shockwave-flash' }, code: 'PGRST107' },
] // biome-ignore format: one a line
