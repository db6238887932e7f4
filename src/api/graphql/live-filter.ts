// SPDX-License-Identifier: MIT
// The filter of a connection for events: worked out here on the row as the caller sees it (a hidden field is null before it comes), to
// the very answers that PostgreSQL gives, with its three truths: what compares with null is neither true nor false. Operators that
// depend on a collation (order of texts, upper and lower case) or on numbers inside JSON are not there. A test compares both.
import { TmiError } from '../../base/errors.ts'

export type Kind = 'Float' | 'BigFloat' | 'Boolean' | 'String' | 'JSON' | 'Datetime'
type Truth = boolean | null
type Condition<Row> = (row: Row) => Truth
/** Of a value that is there. */
type Test = (value: unknown) => boolean

/** Each is looked at for each event and each who listens. */
const mostConditions = 100
const longestPattern = 1000

const same = ['equalTo', 'notEqualTo', 'distinctFrom', 'notDistinctFrom'] as const
const listed = ['in', 'notIn'] as const
const ordered = ['lessThan', 'lessThanOrEqualTo', 'greaterThan', 'greaterThanOrEqualTo'] as const
const patterns = ['includes', 'notIncludes', 'startsWith', 'notStartsWith', 'endsWith', 'notEndsWith', 'like', 'notLike'] as const
const kinds: Kind[] = ['Float', 'BigFloat', 'Boolean', 'String', 'JSON', 'Datetime']

export const filterTypeName = (kind: Kind) => `${kind}EventFilter`

export const filterTypeDefs: string = kinds
  .map((kind) => {
    const of = (names: readonly string[], type: string) => names.map((n) => `${n}: ${type}`)
    const operators = [
      'isNull: Boolean',
      ...(kind === 'JSON'
        ? ['containsKey: String', ...of(['containsAllKeys', 'containsAnyKeys'], '[String!]')]
        : [...of(same, kind), ...of(listed, `[${kind}!]`)]),
      ...(kind === 'JSON' || kind === 'String' ? [] : of(ordered, kind)),
      ...(kind === 'String' ? of(patterns, 'String') : []),
    ]
    return `"""As ${kind}Filter, with the operators that events can be held to."""
      input ${filterTypeName(kind)} {\n${operators.join('\n')}\n}`
  })
  .join('\n')

/** Whether a row passes. `read` gives a field's value, null if there is none or it is hidden. */
export function liveFilter<Row>(
  filter: Readonly<Record<string, unknown>>,
  fields: ReadonlyMap<string, Kind>,
  read: (row: Row, field: string) => unknown,
): (row: Row) => boolean {
  let count = 0

  function ofFilter(value: unknown): Condition<Row> | null {
    return all(
      entriesOf(value).map(([name, inner]) => {
        if (name === 'and') return all(listOf(inner).map(ofFilter))
        if (name === 'or') return any(listOf(inner).map(ofFilter))
        if (name === 'not') return not(ofFilter(inner))
        const kind = fields.get(name)
        if (!kind) throw refused(`There is no field ${JSON.stringify(name)} to filter by.`)
        return all(entriesOf(inner).map(([operator, wanted]) => ofField(name, kind, operator, wanted)))
      }),
    )
  }

  function ofField(name: string, kind: Kind, operator: string, wanted: unknown): Condition<Row> {
    if (++count > mostConditions) throw refused(`There are more than ${mostConditions} conditions in the filter.`)
    if (wanted === null || (Array.isArray(wanted) && wanted.includes(null))) throw refused(nulls)
    const value = (row: Row) => read(row, name) ?? null
    if (operator === 'isNull') return (row) => (value(row) === null) === wanted
    if (Array.isArray(wanted) && wanted.length === 0 && kind !== 'JSON') return () => operator === 'notIn'
    const test = testOf(kind, operator, wanted)
    // Null is distinct from every value that can be asked for.
    const ofNull = operator === 'distinctFrom' ? true : operator === 'notDistinctFrom' ? false : null
    return (row) => {
      const v = value(row)
      return v === null ? ofNull : test(v)
    }
  }

  const passes = ofFilter(filter)
  return (row) => passes === null || passes(row) === true
}

function all<Row>(parts: (Condition<Row> | null)[]): Condition<Row> | null {
  const conditions = parts.filter((p) => p !== null)
  if (conditions.length === 0) return null
  return (row) => {
    let answer: Truth = true
    for (const c of conditions) {
      const truth = c(row)
      if (truth === false) return false
      if (truth === null) answer = null
    }
    return answer
  }
}

function any<Row>(parts: (Condition<Row> | null)[]): Condition<Row> | null {
  return not(all(parts.map(not)))
}

function not<Row>(part: Condition<Row> | null): Condition<Row> | null {
  if (part === null) return null
  return (row) => {
    const truth = part(row)
    return truth === null ? null : !truth
  }
}

function testOf(kind: Kind, operator: string, wanted: unknown): Test {
  if (kind === 'JSON') {
    const keys = (Array.isArray(wanted) ? wanted : [wanted]) as string[]
    return (v) => (operator === 'containsAnyKeys' ? keys.some((k) => hasKey(v, k)) : keys.every((k) => hasKey(v, k)))
  }
  if (listed.includes(operator as never)) {
    const tests = (wanted as unknown[]).map((w) => testOf(kind, 'equalTo', w))
    return operator === 'in' ? (v) => tests.some((t) => t(v)) : (v) => !tests.some((t) => t(v))
  }
  if (patterns.includes(operator as never)) {
    const plain = operator.replace(/^not./, (s) => s.slice(3).toLowerCase())
    const matches = likeTest(plain, wanted as string)
    return plain === operator ? matches : (v) => !matches(v)
  }
  const compare = comparing(kind, wanted)
  switch (operator) {
    case 'equalTo':
    case 'notDistinctFrom':
      return (v) => compare(v) === 0
    case 'notEqualTo':
    case 'distinctFrom':
      return (v) => compare(v) !== 0
    case 'lessThan':
      return (v) => compare(v) < 0
    case 'lessThanOrEqualTo':
      return (v) => compare(v) <= 0
    case 'greaterThan':
      return (v) => compare(v) > 0
    case 'greaterThanOrEqualTo':
      return (v) => compare(v) >= 0
    default:
      throw refused(`Events cannot be filtered by ${JSON.stringify(operator)}.`)
  }
}

/** A value's place to the one that was asked for: below 0, 0 or above. */
function comparing(kind: Kind, wanted: unknown): (value: unknown) => number {
  if (kind === 'BigFloat') {
    const w = decimal(String(wanted))
    return (v) => compareDecimals(decimal(String(v)), w)
  }
  const w = (kind === 'Datetime' ? moment(String(wanted)) : wanted) as number
  return (v) => ((v as number) < w ? -1 : (v as number) > w ? 1 : 0)
}

interface Decimal {
  digits: bigint
  exponent: number
}

function decimal(text: string): Decimal {
  const found = /^\s*([+-]?)(\d*)\.?(\d*)(?:[eE]([+-]?\d{1,3}))?\s*$/.exec(text)
  const [, sign = '', whole = '', part = '', exponent = '0'] = found ?? []
  if (!found || whole + part === '') throw refused(`${JSON.stringify(text.slice(0, 80))} is no number.`)
  return { digits: BigInt(`${sign === '-' ? '-' : ''}${whole}${part}`), exponent: Number(exponent) - part.length }
}

function compareDecimals(a: Decimal, b: Decimal): number {
  const least = Math.min(a.exponent, b.exponent)
  const [x, y] = [a, b].map((d) => d.digits * 10n ** BigInt(d.exponent - least)) as [bigint, bigint]
  return x < y ? -1 : x > y ? 1 : 0
}

/** As events write theirs, so that the order of the texts is that of the times. */
function moment(text: string): string {
  const found = /^(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([Zz]|[+-]\d\d:?\d\d)$/.exec(text)
  const [, date = '', time = '', part = '', zone = ''] = found ?? []
  const offset = /^[zZ]$/.test(zone) ? 'Z' : zone.replace(/^(...)(\d\d)$/, '$1:$2')
  const at = new Date(`${date}T${time}${offset}`)
  const exists = found && !Number.isNaN(at.getTime()) && new Date(`${date}T${time}Z`).toISOString().startsWith(`${date}T${time}`)
  if (!exists) throw refused(`${JSON.stringify(text.slice(0, 80))} is no time: write it as 2026-01-31T12:00:00Z.`)
  return `${at.toISOString().slice(0, 19)}.${part.padEnd(6, '0')}Z`
}

/** The operator "?" of jsonb: a key of an object, an element of an array, the text itself. */
function hasKey(value: unknown, key: string): boolean {
  if (Array.isArray(value)) return value.includes(key)
  return typeof value === 'object' && value !== null ? Object.hasOwn(value, key) : value === key
}

const anyText = Symbol('%')
const anyCharacter = Symbol('_')

/** LIKE: "\" takes the character behind it as it is; the words that make a pattern of their own escape "%" and "_" alone. */
function likeTest(operator: string, wanted: string): Test {
  const escaped = operator === 'like' ? wanted : wanted.replace(/[%_]/g, '\\$&')
  const text =
    { like: escaped, includes: `%${escaped}%`, startsWith: `${escaped}%`, endsWith: `%${escaped}` }[operator] ?? escaped
  const pattern: (string | symbol)[] = []
  const characters = [...text]
  if (characters.length > longestPattern) throw refused(`A pattern has at most ${longestPattern} characters.`)
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i]!
    if (c === '\\') {
      const next = characters[++i]
      if (next === undefined) throw refused('A pattern does not end with "\\".')
      pattern.push(next)
    } else if (c === '%') {
      if (pattern.at(-1) !== anyText) pattern.push(anyText)
    } else pattern.push(c === '_' ? anyCharacter : c)
  }
  return (value) => matches([...(value as string)], pattern)
}

/** Goes back to the last "%" only, so no pattern takes longer than text times pattern. */
function matches(text: readonly string[], pattern: readonly (string | symbol)[]): boolean {
  let [t, p, from, star] = [0, 0, 0, -1]
  while (t < text.length) {
    const c = pattern[p]
    if (c === anyText) {
      star = p++
      from = t
    } else if (c !== undefined && (c === anyCharacter || c === text[t])) {
      p++
      t++
    } else if (star >= 0) {
      p = star + 1
      t = ++from
    } else return false
  }
  while (pattern[p] === anyText) p++
  return p === pattern.length
}

const empties = 'Empty objects are forbidden in filter argument input.'
const nulls = 'Null literals are forbidden in filter argument input.'

function entriesOf(value: unknown): [string, unknown][] {
  if (value === null || typeof value !== 'object') throw refused(nulls)
  const entries = Object.entries(value).filter(([, v]) => v !== undefined)
  if (entries.length === 0) throw refused(empties)
  return entries
}

function listOf(value: unknown): unknown[] {
  if (!Array.isArray(value)) throw refused(nulls)
  return value
}

function refused(message: string): TmiError {
  return new TmiError('TM303', message)
}
