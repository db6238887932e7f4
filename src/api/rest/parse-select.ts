// SPDX-License-Identifier: MIT
// select= and order=, with what they embed.
import { parseError, RestError } from './error.ts'
import { type Cast, casts, type Embed, type Field, type OrderItem, type Query, type SelectItem } from './query.ts'
import { Reader } from './reader.ts'

const maxDepth = 10
const mostEmbeds = 50

export type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export function emptyQuery(): Mutable<Query> {
  return { select: null, where: [], order: null, limit: null, offset: null, after: null }
}

export function parseSelect(text: string): SelectItem[] | null {
  if (text.trim() === '') return null
  const r = new Reader('select parameter', text)
  const items = selectItems(r, { depth: 0, embeds: 0 })
  r.end()
  return items
}

interface Count {
  depth: number
  embeds: number
}

function selectItems(r: Reader, count: Count): SelectItem[] {
  const items: SelectItem[] = []
  do {
    r.blank()
    items.push(selectItem(r, count))
    r.blank()
  } while (r.take(','))
  return items
}

function selectItem(r: Reader, count: Count): SelectItem {
  if (r.take('*')) return { kind: 'all' }
  if (r.take('...')) return embed(r, count, r.name(), null, true)
  if (r.peek('count()')) throw aggregate()
  let name = r.name()
  let alias: string | null = null
  if (r.peek(':') && !r.peek('::')) {
    r.take(':')
    r.blank()
    alias = name
    if (r.peek('count()')) throw aggregate()
    name = r.name()
  }
  if (r.peek('(') || r.peek('!')) return embed(r, count, name, alias, false)
  const path = r.path()
  const cast = r.take('::') ? castName(r) : null
  if (r.match(/\.(?:count|sum|avg|min|max)\(\)/y)) throw aggregate()
  return { kind: 'field', field: { name, path }, alias, cast }
}

function castName(r: Reader): Cast {
  const at = r.at
  const asked = r.word()
  if (!(casts as readonly string[]).includes(asked)) {
    throw parseError(r.what, r.text, at, `a cast to one of ${casts.join(', ')}`)
  }
  return asked as Cast
}

function embed(r: Reader, count: Count, name: string, alias: string | null, spread: boolean): Embed {
  let hint: string | null = null
  let inner = false
  for (let n = 0; n < 2 && r.take('!'); n++) {
    const said = r.name()
    if (said === 'inner') inner = true
    else if (said !== 'left') hint = said
  }
  if (!r.take('(')) throw r.expected('(')
  if (count.depth >= maxDepth) throw r.expected(`at most ${maxDepth} levels of embedding`)
  if (++count.embeds > mostEmbeds) throw r.expected(`at most ${mostEmbeds} embedded relations`)
  r.blank()
  count.depth++
  const select = r.peek(')') ? [] : selectItems(r, count)
  count.depth--
  if (!r.take(')')) throw r.expected(', or )')
  return { kind: 'embed', name, alias, hint, inner, spread, query: { ...emptyQuery(), select } }
}

function aggregate(): RestError {
  return new RestError(400, 'PGRST123', 'Use of aggregate functions is not allowed', {
    hint: 'Call /api/rpc/series for averages, sums and counts over time; ask with Prefer: count=exact for a number of rows.',
  })
}

export function parseOrder(text: string): OrderItem[] | null {
  if (text.trim() === '') return null
  const r = new Reader('order', text)
  const items: OrderItem[] = []
  do {
    r.blank()
    items.push(orderItem(r))
    r.blank()
  } while (r.take(','))
  r.end()
  return items
}

function orderItem(r: Reader): OrderItem {
  let field: Field = { name: r.name(), path: r.path() }
  let embed: string | null = null
  if (field.path.length === 0 && r.take('(')) {
    embed = field.name
    field = { name: r.name(), path: r.path() }
    if (!r.take(')')) throw r.expected(')')
  }
  let descending = false
  let nulls: OrderItem['nulls'] = null
  const said = () => (r.take('.') ? r.word() || '?' : '')
  let direction = said()
  if (direction === 'asc' || direction === 'desc') {
    descending = direction === 'desc'
    direction = said()
  }
  if (direction === 'nullsfirst' || direction === 'nullslast') nulls = direction === 'nullsfirst' ? 'first' : 'last'
  else if (direction !== '') throw r.expected('asc, desc, nullsfirst or nullslast')
  return { field, embed, descending, nulls }
}
