// SPDX-License-Identifier: MIT
// PostgREST's grammar for reads: a query string becomes a plain tree, or a RestError. Nothing here knows a relation or SQL.
import { notEmbedded, parseError, RestError } from './error.ts'
import { parseFilter, parseLogic } from './parse-filter.ts'
import { emptyQuery, type Mutable, parseOrder, parseSelect } from './parse-select.ts'
import { type Embed, embedName, embedsOf, type Field, type Query } from './query.ts'
import { Reader } from './reader.ts'

export function parseQuery(search: string): Query {
  const query = emptyQuery()
  const said: [string, string][] = []
  for (const [name, value] of new URLSearchParams(search)) {
    if (name === 'select') query.select = parseSelect(value)
    else said.push([name, value])
  }
  for (const [name, value] of said) parameter(query, name, value)
  return query
}

/** Said for writes; PostgREST ignores them on reads. */
const ofWrites = new Set(['columns', 'on_conflict'])

function parameter(query: Mutable<Query>, name: string, value: string): void {
  if (ofWrites.has(name)) return
  if (word(query, name, value)) return
  if (name === 'after' && !value.includes('.')) {
    query.after = value
    return
  }
  const r = new Reader('filter', name)
  const field: Field = { name: r.wholeName(), path: r.path() }
  r.end()
  const [into, rest] = name.startsWith('"') ? [query, field.name] : embedded(query, field.name)
  if (rest === '') throw notEmbedded(field.name, null)
  // A column of a payload may well be called "a.limit".
  if (into === query && /\.(?:order|limit|offset|and|or)$/.test(rest) && !/^(?:not\.)*\w+(?:\(\w+\))?\./.test(value)) {
    throw notEmbedded(rest.slice(0, rest.lastIndexOf('.')), null)
  }
  if (into !== query && field.path.length === 0 && word(into, rest, value)) return
  into.where = [...into.where, parseFilter({ ...field, name: rest }, value)]
}

/** The words of the grammar that are no columns. */
function word(query: Mutable<Query>, name: string, value: string): boolean {
  if (name === 'order') query.order = parseOrder(value)
  else if (name === 'limit') query.limit = parseCount('limit', value)
  else if (name === 'offset') query.offset = parseCount('offset', value)
  else if (name === 'and' || name === 'or') query.where = [...query.where, parseLogic(name, value, name, false)]
  else if (name === 'not.and') query.where = [...query.where, parseLogic(name, value, 'and', true)]
  else if (name === 'not.or') query.where = [...query.where, parseLogic(name, value, 'or', true)]
  else return false
  return true
}

/** site.owner.name: the read that is embedded as site.owner, and the rest of the name. What names nothing embedded is a column. */
function embedded(query: Mutable<Query>, name: string): [Mutable<Query>, string] {
  let at = query
  let rest = name
  for (;;) {
    const embeds = embedsOf(at)
    const found = embeds.find((e) => rest.startsWith(`${embedName(e)}.`))
    if (found) {
      at = found.query
      rest = rest.slice(embedName(found).length + 1)
      continue
    }
    const aliased = embeds.find((e) => e.alias !== null && rest.startsWith(`${e.name}.`))
    if (aliased) throw notEmbedded(aliased.name, aliased as Embed & { alias: string })
    return [at, rest]
  }
}

function parseCount(name: string, text: string): number {
  const negative = /^-\d+$/.test(text)
  if (negative) {
    throw new RestError(416, 'PGRST103', 'Requested range not satisfiable', {
      details: `${name === 'limit' ? 'Limit' : 'Offset'} should be greater than or equal to zero.`,
    })
  }
  const n = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(n)) throw parseError(name, text, 0, 'a whole number')
  return n
}
