// SPDX-License-Identifier: MIT
// What OpenAPI says of one relation: its row, and the operations that the caller may do on it.
import type { Column, Relation } from '../rest/catalog.ts'
import { baseType } from '../rest/fields.ts'
import { openapiParts, refusals, type Schema } from './openapi-parts.ts'
import { asSent, columnSchema } from './openapi-types.ts'
import type { SeenRelation } from './seen.ts'

type Row = Record<string, unknown>

/** Names are looked up in api, app and the others, in this order; behind the first one a name says its schema. */
export function schemaName({ relation, address }: SeenRelation): string {
  return address !== null ? relation.name : `${relation.schema}.${relation.name}`
}

export function rowSchema({ relation, columns }: SeenRelation, example: Row | undefined): Schema {
  return {
    type: 'object',
    description: relation.description,
    ...(relation.major === null
      ? { 'x-tmidb-relation': `${relation.schema}.${relation.name}` }
      : { 'x-tmidb-version': relation.major }),
    properties: Object.fromEntries(columns.map((c) => [c.name, columnSchema(c, isAlwaysThere(relation, c))])),
    ...(example ? { examples: [example] } : {}),
  }
}

const timeSchema: Schema = { type: 'string', format: 'date-time' }

/** What may be sent: a reading's fields are all free, of a table what has no default must be there. */
export function writeSchema({ relation, takes }: SeenRelation): Schema {
  if (takes === null)
    return { type: 'object', properties: { target: { type: 'string' }, ts: timeSchema }, additionalProperties: true }
  const required = relation.category === null ? takes.filter((c) => c.notNull && !c.hasDefault).map((c) => c.name) : []
  return {
    type: 'object',
    ...(required.length > 0 ? { required } : {}),
    properties: Object.fromEntries(takes.map((c) => [c.name, asSent(columnSchema(c, c.notNull))])),
  }
}

function isAlwaysThere(relation: Relation, column: Column): boolean {
  return column.notNull || relation.key.includes(column.name) || (relation.category !== null && column.name === 'target')
}

export function relationPath(s: SeenRelation, example: Row | undefined): Schema {
  const { verbs } = s
  const id = schemaName(s).replace('.', '_')
  return {
    ...(verbs.has('select') ? { get: readOperation(s, example, `read_${id}`) } : {}),
    ...(verbs.has('insert') ? { post: insertOperation(s, id) } : {}),
    ...(verbs.has('insert') && verbs.has('update') && s.relation.key.length > 0 ? { put: putOperation(s, id) } : {}),
    ...(verbs.has('update') ? { patch: changeOperation(s, id, 'update') } : {}),
    ...(verbs.has('delete') ? { delete: changeOperation(s, id, 'delete') } : {}),
  }
}

const examples: Record<string, string> = {
  'double precision': 'gte.20',
  numeric: 'gte.20',
  bigint: 'gte.20',
  integer: 'gte.20',
  boolean: 'is.true',
  text: 'eq.ok',
  'timestamp with time zone': 'gte.2026-01-01T00:00:00Z',
  uuid: 'eq.00000000-0000-0000-0000-000000000000',
}

/** Words of the grammar; a column of such a name can be filtered inside and=(...). */
const notColumns = new Set([
  'select',
  'order',
  'limit',
  'offset',
  'after',
  'and',
  'or',
  'not.and',
  'not.or',
  'columns',
  'on_conflict',
])

function filters(columns: readonly Column[]): Schema[] {
  return columns
    .filter((c) => !notColumns.has(c.name))
    .map((c) => ({
      name: c.name,
      in: 'query',
      description: [c.description, 'Filter: operator.value, see /docs.'].filter(Boolean).join(' '),
      schema: { type: 'string' },
      ...(examples[baseType(c.type)] ? { example: examples[baseType(c.type)] } : {}),
    }))
}

const parameter = (name: string): Schema => ({ $ref: `#/components/parameters/${name}` })

function common(s: SeenRelation, operationId: string, summary: string): Schema {
  const { relation } = s
  return {
    tags: [relation.category ?? schemaName(s)],
    operationId,
    summary,
    ...(relation.deprecated === null ? {} : { deprecated: true, description: relation.deprecated }),
    ...(relation.major === null ? {} : { 'x-tmidb-version': relation.major }),
  }
}

export function readOperation(s: SeenRelation, example: Row | undefined, operationId: string): Schema {
  const { relation, columns } = s
  const page = { headers: openapiParts.pageHeaders, content: rowsContent(s, example) }
  return {
    ...common(s, operationId, relation.description || relation.name),
    parameters: [
      ...[
        'select',
        'order',
        'limit',
        'offset',
        ...(relation.key.length > 0 ? ['after'] : []),
        'and',
        'or',
        'Prefer',
        'Range',
      ].map(parameter),
      ...filters(columns),
    ],
    responses: {
      200: { description: 'The rows of the page.', ...page },
      206: { description: 'The rows of the page, of more that were counted.', ...page },
      ...refusals(...Object.keys(openapiParts.responses).filter((s) => !['409', '415', '422'].includes(s))),
    },
  }
}

function rowsContent(s: SeenRelation, example?: Row): Schema {
  const row = partial({ $ref: `#/components/schemas/${schemaName(s)}` })
  return openapiParts.rowsContent(
    { schema: { type: 'array', items: row }, ...(example ? { example: [example] } : {}) },
    { schema: row, ...(example ? { example } : {}) },
  )
}

/** "select" chooses, renames and embeds, so a row may have other members than the relation's. */
function partial(row: Schema): Schema {
  return { anyOf: [row, { type: 'object' }] }
}

function insertOperation(s: SeenRelation, id: string): Schema {
  const { relation } = s
  const body = { $ref: `#/components/schemas/${schemaName(s)}_insert` }
  return {
    ...common(s, `insert_${id}`, `Insert into ${relation.category ?? relation.name}`),
    parameters: ['select', 'columns', ...(relation.category === null ? ['on_conflict'] : []), 'PreferWrite'].map(parameter),
    requestBody: {
      required: true,
      content: {
        'application/json': { schema: { oneOf: [body, { type: 'array', items: body }] } },
        'text/csv': { schema: { type: 'string' } },
      },
    },
    responses: {
      // No content is said: it is empty, and without a type, unless the rows are asked for.
      200: { description: 'Rows that were there were changed; they are sent with Prefer: return=representation.' },
      201: { description: 'Inserted; the rows are sent with Prefer: return=representation.' },
      ...refusals('400', '401', '403', '404', '405', '406', '409', '413', '415', '422', '503', '504'),
    },
  }
}

function putOperation(s: SeenRelation, id: string): Schema {
  const { relation, columns } = s
  return {
    ...common(s, `put_${id}`, `Insert or replace one row of ${relation.name}`),
    description: `The address names the whole key, ${relation.key.map((name) => `${name}=eq.value`).join('&')}; the body has the same one.`,
    parameters: [
      ...['select', 'PreferWrite'].map(parameter),
      ...filters(columns.filter((c) => relation.key.includes(c.name))).map((p) => ({ ...p, required: true })),
    ],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { $ref: `#/components/schemas/${schemaName(s)}_insert` } } },
    },
    responses: {
      200: { description: 'The row, with Prefer: return=representation.', content: rowsContent(s) },
      201: { description: 'The row, where it is new, with Prefer: return=representation.', content: rowsContent(s) },
      204: { description: 'Done.' },
      ...refusals('400', '401', '403', '404', '405', '406', '409', '413', '415', '503', '504'),
    },
  }
}

function changeOperation(s: SeenRelation, id: string, verb: 'update' | 'delete'): Schema {
  const { relation, columns } = s
  const body = { $ref: `#/components/schemas/${schemaName(s)}` }
  return {
    ...common(s, `${verb}_${id}`, verb === 'update' ? `Change rows of ${relation.name}` : `Delete rows of ${relation.name}`),
    parameters: [
      ...['select', ...(verb === 'update' ? ['columns'] : []), 'and', 'or', 'PreferWrite'].map(parameter),
      ...filters(columns),
    ],
    ...(verb === 'update' ? { requestBody: { required: true, content: { 'application/json': { schema: partial(body) } } } } : {}),
    responses: {
      200: { description: 'The rows, with Prefer: return=representation.', content: rowsContent(s) },
      204: { description: 'Done.' },
      ...refusals('400', '401', '403', '404', '405', '406', '409', '413', '415', '503', '504'),
    },
  }
}
