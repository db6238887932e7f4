// SPDX-License-Identifier: MIT
// Filters: column=op.value, and trees of them in and=(...) and or=(...).
import type { Comparison, Condition, Field, IsValue, Search } from './query.ts'
import { comparisons, isValues, searches } from './query.ts'
import { Reader } from './reader.ts'

const maxDepth = 10
const quantifiable: readonly string[] = ['eq', 'gt', 'gte', 'lt', 'lte', 'like', 'ilike', 'match', 'imatch']

export function parseFilter(field: Field, value: string): Condition {
  const v = new Reader('filter', value)
  const condition = operation(v, field, () => v.rest())
  v.end()
  return condition
}

/** and=(a.eq.1,or(b.gt.2,not.and(...))) */
export function parseLogic(parameter: string, text: string, op: 'and' | 'or', not: boolean): Condition {
  const r = new Reader(`logic tree (${parameter})`, text)
  const conditions = group(r, 1)
  r.end()
  return { kind: 'logic', op, not, conditions }
}

function group(r: Reader, depth: number): Condition[] {
  if (depth > maxDepth) throw r.expected(`at most ${maxDepth} levels of and/or`)
  if (!r.take('(')) throw r.expected('(')
  const conditions: Condition[] = []
  do {
    r.blank()
    const nested = r.match(/(not\.)?(and|or)(?=\()/y)
    if (nested) {
      const op = nested[2] as 'and' | 'or'
      conditions.push({ kind: 'logic', op, not: nested[1] !== undefined, conditions: group(r, depth + 1) })
    } else {
      const field: Field = { name: r.name(), path: r.path() }
      if (!r.take('.')) throw r.expected('. and an operator')
      conditions.push(operation(r, field, () => r.logicValue()))
    }
    r.blank()
  } while (r.take(','))
  if (!r.take(')')) throw r.expected(', or )')
  return conditions
}

function operation(r: Reader, field: Field, value: () => string): Condition {
  let not = false
  while (r.take('not.')) not = !not
  const at = r.at
  const op = r.word()
  if (op === 'in') {
    if (!r.take('.')) throw r.expected('.')
    return { kind: 'in', field, not, values: r.list('(', ')') }
  }
  if (op === 'is') {
    if (!r.take('.')) throw r.expected('.')
    const asked = r.word().toLowerCase()
    if (!(isValues as readonly string[]).includes(asked)) throw r.expected('null, not_null, true, false or unknown')
    return { kind: 'is', field, not, value: asked as IsValue }
  }
  if ((searches as readonly string[]).includes(op)) {
    const language = r.match(/\((\w+)\)/y)?.[1] ?? null
    if (!r.take('.')) throw r.expected('.')
    return { kind: 'search', field, not, op: op as Search, language, value: value() }
  }
  if (!(comparisons as readonly string[]).includes(op)) {
    r.at = at
    throw r.expected('operator (eq, gt, ...)')
  }
  const quantifier = quantifiable.includes(op) ? r.match(/\((any|all)\)/y) : null
  if (!r.take('.')) throw r.expected('.')
  if (quantifier) {
    return { kind: 'quantified', field, not, op: op as Comparison, how: quantifier[1] as 'any' | 'all', values: r.list('{', '}') }
  }
  return { kind: 'compare', field, not, op: op as Comparison, value: value() }
}
