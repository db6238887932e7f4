// SPDX-License-Identifier: MIT
// OpenAPI 3.1 of what one caller may do, from the catalog that REST itself works on.

import type { RequestRole } from '../db/pool.ts'
import { callPath } from './openapi-calls.ts'
import { foreignPaths } from './openapi-foreign.ts'
import { ingestPaths, listenerPath, openapiParts, type Schema } from './openapi-parts.ts'
import { columnSchema } from './openapi-types.ts'
import type { Catalog, Column, Relation } from './rest/catalog.ts'
import { shownColumns } from './rest/catalog.ts'
import { baseType } from './rest/fields.ts'
import { defaultPage, largestPage } from './rest/page.ts'
import type { Visible } from './rest/visible.ts'

export interface OpenapiOptions {
  /** Only these categories are spoken of, and of them only these fields. */
  visible: Visible
  baseUrl: string
  /** Whose addresses are described too. */
  listener: string | null
  /** Whose functions are described. */
  role: RequestRole
  /** Whether the ways in are described. */
  writes: boolean
}

export function openapi(catalog: Catalog, { visible, baseUrl, listener, role, writes }: OpenapiOptions): Schema {
  const paths: Record<string, unknown> = {}
  const schemas: Record<string, unknown> = { ...openapiParts.schemas }
  const tags: Schema[] = []
  for (const [category, versions] of catalog.categories) {
    const fields = visible.get(category)
    if (fields === undefined) continue
    tags.push({ name: category })
    for (const relation of versions) {
      const columns = visibleColumns(relation, fields)
      schemas[schemaName(relation)] = rowSchema(relation, columns)
      paths[`/api/v${relation.major}/${category}`] = { get: readOperation(relation, columns, `read_${relation.name}`) }
    }
    const newest = versions[0]
    if (listener === null || !newest) continue
    const get = readOperation(newest, visibleColumns(newest, fields), `read_newest_${category}`)
    const summary = `The newest version of ${category}, as ${listener} sees it`
    paths[`/api/${encodeURIComponent(listener)}/${category}`] = { get: { ...get, summary } }
  }
  const target = catalog.relations.get('target')
  if (target && visible.size > 0) {
    const columns = shownColumns(target)
    tags.push({ name: 'target' })
    schemas[schemaName(target)] = rowSchema(target, columns)
    paths['/api/target'] = { get: readOperation(target, columns, 'read_target') }
  }
  const callable = [...catalog.functions.values()].filter((f) => f.roles.has(role))
  if (callable.length > 0) tags.push({ name: 'functions' })
  for (const fn of callable) paths[`/api/rpc/${fn.name}`] = callPath(fn)
  if (listener !== null) Object.assign(paths, listenerPath(listener))
  if (writes) Object.assign(paths, ingestPaths, foreignPaths)
  return {
    openapi: '3.1.0',
    info: {
      title: 'tmiDB API',
      version: '0.1.0',
      description: [
        `Readings by category and version, in PostgREST's grammar. Without a limit ${defaultPage} rows are sent, at most ${largestPage};`,
        'newest first unless an order is given. What is described here is what the token may see.',
      ].join(' '),
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: baseUrl }],
    security: [{ bearer: [] }, { basic: [] }],
    tags,
    paths,
    components: {
      schemas,
      parameters: openapiParts.parameters,
      responses: openapiParts.responses,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'The token of a speaker or listener.' },
        basic: { type: 'http', scheme: 'basic', description: 'Login and password of an account.' },
      },
    },
  }
}

function visibleColumns(relation: Relation, fields: ReadonlySet<string> | null): Column[] {
  const always = new Set(['target', ...relation.key])
  return shownColumns(relation).filter((c) => fields === null || always.has(c.name) || fields.has(c.name))
}

function schemaName(relation: Relation): string {
  return relation.name
}

function rowSchema(relation: Relation, columns: Column[]): Schema {
  return {
    type: 'object',
    description: relation.description,
    ...(relation.major === null ? {} : { 'x-tmidb-version': relation.major }),
    properties: Object.fromEntries(columns.map((c) => [c.name, columnSchema(c, isAlwaysThere(relation, c))])),
  }
}

function isAlwaysThere(relation: Relation, column: Column): boolean {
  return relation.key.includes(column.name) || (relation.category !== null && column.name === 'target')
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

const notColumns = new Set(['select', 'order', 'limit', 'offset', 'and', 'or', 'columns', 'on_conflict'])

function readOperation(relation: Relation, columns: Column[], operationId: string): Schema {
  const row = { $ref: `#/components/schemas/${schemaName(relation)}` }
  const filters = columns
    .filter((c) => !notColumns.has(c.name))
    .map((c) => ({
      name: c.name,
      in: 'query',
      description: [c.description, 'Filter: operator.value, see /docs.'].filter(Boolean).join(' '),
      schema: { type: 'string' },
      ...(examples[baseType(c.type)] ? { example: examples[baseType(c.type)] } : {}),
    }))
  return {
    tags: [relation.category ?? relation.name],
    operationId,
    summary: relation.description || relation.name,
    ...(relation.deprecated === null ? {} : { deprecated: true, description: relation.deprecated }),
    ...(relation.major === null ? {} : { 'x-tmidb-version': relation.major }),
    parameters: [
      ...Object.keys(openapiParts.parameters).map((name) => ({ $ref: `#/components/parameters/${name}` })),
      ...filters,
    ],
    responses: {
      200: {
        description: 'The rows of the page.',
        headers: openapiParts.pageHeaders,
        content: {
          'application/json': { schema: { type: 'array', items: row } },
          'application/vnd.pgrst.object+json': { schema: row },
          'text/csv': { schema: { type: 'string' } },
        },
      },
      206: {
        description: 'The rows of the page, of more that were counted.',
        headers: openapiParts.pageHeaders,
        content: { 'application/json': { schema: { type: 'array', items: row } }, 'text/csv': { schema: { type: 'string' } } },
      },
      ...Object.fromEntries(
        Object.keys(openapiParts.responses).map((status) => [status, { $ref: `#/components/responses/${status}` }]),
      ),
    },
  }
}
