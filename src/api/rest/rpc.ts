// SPDX-License-Identifier: MIT
// A call of a function as one SELECT. PostgREST's convention: arguments by name, in the address or as a JSON object in the body;
// what is left of the address selects, filters, orders and pages what the function gives.
import { type SQL, type SQLRawValue, sql } from 'pg-sql2'
import { TmiError } from '../../base/errors.ts'
import { type Body, objectOf } from './body.ts'
import type { Relation } from './catalog.ts'
import { RestError } from './error.ts'
import { jsonSql, row, textSql, typeSql } from './fields.ts'
import { checkQuery } from './limits.ts'
import { type LinkContext, link } from './link.ts'
import type { Window } from './page.ts'
import { parseQuery } from './parse.ts'
import { parseJson, textOf as textOfBody } from './payload.ts'
import type { Query } from './query.ts'
import type { ApiFunction, Argument } from './rpc-catalog.ts'
import { type Page, type Statement, selectSql, statementName } from './sql.ts'

/** A function says itself how much it gives; a track of 1,000 points is not cut to a page of 50. */
export const functionPage = { unlessTold: 10_000, atMost: 10_000 }

export interface Call {
  given: readonly { arg: Argument; value: unknown }[]
  /** The body as it came, for the function that takes it so. */
  json?: string
  query: Query
}

const grammar = new Set(['select', 'order', 'limit', 'offset', 'and', 'or', 'not.and', 'not.or', 'columns', 'on_conflict'])

/** body: null for GET, where the arguments are in the address. */
export function readCall(fn: ApiFunction, search: string, sent: Body | null): Call {
  const json = fn.takesBody ? bodyText(fn, sent) : undefined
  const body = json !== undefined ? {} : sent === null ? undefined : objectOf(sent)
  const given = new Map<string, unknown>()
  const rest = new URLSearchParams()
  for (const [name, value] of new URLSearchParams(search)) {
    const arg = body === undefined ? fn.args.get(name) : undefined
    if (!arg) {
      const column = name.split('->')[0]?.replace(/^"(.*)"$/, '$1') ?? ''
      if (!fn.hasColumns || !(grammar.has(name) || fn.relation.columns.has(column))) throw unknownArgument(fn, name)
      rest.append(name, value)
    } else if (!given.has(name)) given.set(name, arg.isArray ? elements(value) : value)
    else if (arg.isArray) given.set(name, [given.get(name), value].flat())
    else throw new TmiError('TM305', `The argument "${name}" is given twice.`, { hint: signature(fn) })
  }
  for (const [name, value] of Object.entries(body ?? {})) {
    if (!fn.args.has(name)) throw unknownArgument(fn, name)
    given.set(name, value)
  }
  const missing = [...fn.args.values()].filter((a) => a.isRequired && !given.has(a.name)).map((a) => `"${a.name}"`)
  if (missing.length > 0) {
    throw new TmiError('TM305', `The function ${fn.name} needs ${missing.join(', ')}.`, { hint: signature(fn) })
  }
  const query = parseQuery(rest.toString())
  checkQuery(query)
  return {
    given: [...given].map(([name, value]) => ({ arg: fn.args.get(name) as Argument, value: argumentValue(fn, name, value) })),
    ...(json === undefined ? {} : { json }),
    query,
  }
}

function bodyText(fn: ApiFunction, body: Body | null): string {
  if (body === null || body.type !== 'application/json') {
    throw new RestError(body === null ? 405 : 415, body === null ? 'PGRST101' : 'PGRST102', `${fn.name} takes a JSON body.`, {
      hint: 'POST it as application/json.',
    })
  }
  const text = textOfBody(body.bytes)
  parseJson(text)
  return text
}

/** In an address: PostgreSQL's own {a,"b,c"}, else a list with commas; a name given more than once adds up. */
function elements(value: string): string | string[] {
  return value.startsWith('{') ? value : value === '' ? [] : value.split(',')
}

function argumentValue(fn: ApiFunction, name: string, value: unknown): unknown {
  const arg = fn.args.get(name) as Argument
  if (value === null || value === undefined) return null
  if (arg.type === 'jsonb' || arg.type === 'json')
    return typeof value === 'string' && !isJson(value) ? JSON.stringify(value) : textOf(value)
  if (arg.isArray && Array.isArray(value)) {
    if (value.every((v) => v === null || typeof v !== 'object')) return value.map((v) => (v === null ? null : String(v)))
  } else if (typeof value !== 'object') return String(value)
  throw new TmiError('TM305', `The argument "${name}" is ${article(arg.type)}.`, { hint: signature(fn) })
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function callSql(
  context: LinkContext,
  fn: ApiFunction,
  { given, json, query }: Call,
  window: Window,
  page: Pick<Page, 'count' | 'shape'>,
): Statement {
  const named = sql.join(
    given.map(({ arg, value }) => sql`${sql.identifier(arg.name)} => ${sql.value(value as SQLRawValue)}::${typeSql(arg)}`),
    ', ',
  )
  const args = json === undefined ? named : sql`${sql.value(json)}::${sql.identifier(fn.takesBody ?? 'json')}`
  const call = sql`${sql.identifier(fn.schema, fn.name)}(${args})`
  if (fn.isVoid) return statementOf(sql`select '' as body, 1 as n, null::text as total from ${call}`, [])
  if (fn.hasColumns) {
    // One row is asked for as it is: a function that finds nothing gives one of nulls.
    const paged = fn.isSet ? { ...window, ...page } : { limit: 1, offset: 0, ...page }
    const linked = link(context, rowsOf(context, fn), query)
    if (!fn.isVolatile) return selectSql(linked, paged, sql`${call} ${row}`)
    // Called once, whatever else is counted of it.
    const before = sql`with c as materialized (select * from ${call}) `
    return selectSql(linked, paged, sql`c ${row}`, { before, n: null, inserted: null })
  }
  const [column] = fn.relation.columns.values()
  const at = { sql: sql`${row}.value`, type: column?.type ?? 'text' }
  const value = page.shape === 'texts' ? textSql(at) : jsonSql(at)
  const from = sql`from ${call} ${row}(value) limit ${sql.literal(fn.isSet ? window.limit : 1)} offset ${sql.literal(fn.isSet ? window.offset : 0)}`
  const body: SQL =
    page.shape === 'texts'
      ? sql`coalesce(json_agg(array[x.value])::text, '[]')`
      : fn.isSet
        ? sql`coalesce(json_agg(x.value)::text, '[]')`
        : sql`coalesce(min(to_json(x.value)::text), 'null')`
  return statementOf(
    sql`select ${body} as body, count(*)::int as n, null::text as total from (select ${value} as value ${from}) x`,
    ['value'],
  )
}

function statementOf(statement: SQL, header: string[]): Statement {
  const { text, values } = sql.compile(statement)
  return { text, values: values as unknown[], name: statementName(text), header, items: [], onlyOurs: false }
}

function unknownArgument(fn: ApiFunction, name: string): TmiError {
  return new TmiError('TM305', `The function ${fn.name} has no argument "${name.slice(0, 80)}".`, { hint: signature(fn) })
}

export function signature(fn: ApiFunction): string {
  if (fn.takesBody) return `${fn.name} takes the body as ${fn.takesBody}.`
  if (fn.args.size === 0) return `${fn.name} takes no arguments.`
  const list = [...fn.args.values()].map((a) => `${a.name} ${a.type}${a.isRequired ? '' : ' (may be left out)'}`)
  return `Its arguments: ${list.join(', ')}.`
}

function article(type: string): string {
  return `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
}

/** PostgreSQL names the parameter whose text it cannot read; the statement says which argument that is. */
export function argumentError(fn: ApiFunction, statement: Statement, e: unknown): unknown {
  const { code, where, message } = e as { code?: unknown; where?: unknown; message?: unknown }
  if (typeof code !== 'string' || !code.startsWith('22') || typeof where !== 'string') return e
  const parameter = /portal.* parameter \$(\d+)/.exec(where)?.[1]
  const name = parameter && new RegExp(`"([^"]+)" => \\$${parameter}::`).exec(statement.text)?.[1]
  if (!name) return e
  return new TmiError('TM305', `The argument "${name}": ${String(message)}.`, { hint: signature(fn) })
}

/** Rows of a table are that table's, with its relationships; those of readings stay what the function makes of them. */
function rowsOf({ catalog }: LinkContext, fn: ApiFunction): Relation {
  const [schema, name] = fn.rowsOf ?? []
  const relation = catalog.schemas.get(schema ?? '')?.get(name ?? '')
  return relation && relation.category === null ? relation : fn.relation
}
