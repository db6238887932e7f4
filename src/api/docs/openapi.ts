// SPDX-License-Identifier: MIT
// OpenAPI 3.1 of what one caller may do, from the catalog that REST itself works on.

import { defaultPage, largestPage } from '../rest/page.ts'
import type { ApiFunction } from '../rest/rpc-catalog.ts'
import type { Examples } from './examples.ts'
import { authPaths, userPaths } from './openapi-auth.ts'
import { callPath } from './openapi-calls.ts'
import { foreignPaths } from './openapi-foreign.ts'
import { ingestPaths, listenerPath, openapiParts, type Schema } from './openapi-parts.ts'
import { readOperation, relationPath, rowSchema, schemaName, writeSchema } from './openapi-relations.ts'
import { allSeen, type Seen } from './seen.ts'

export interface OpenapiOptions {
  seen: Seen
  functions: Iterable<ApiFunction>
  examples: Examples
  baseUrl: string
  /** Whose addresses are described too. */
  listener: string | null
  /** Only one major: its categories, and nothing that has no version. */
  major: number | null
  /** Whether the ways in are described. */
  waysIn: boolean
}

export function openapi({ seen, functions, examples, baseUrl, listener, major, waysIn }: OpenapiOptions): Schema {
  const paths: Record<string, unknown> = {}
  const schemas: Record<string, unknown> = { ...openapiParts.schemas }
  const tags: Schema[] = []
  for (const s of allSeen(seen)) {
    if (s.relation.category === null && major !== null) continue
    schemas[schemaName(s)] = rowSchema(s, examples.get(s.relation))
    if (s.verbs.has('insert')) schemas[`${schemaName(s)}_insert`] = writeSchema(s)
  }
  for (const [category, versions] of seen.categories) {
    const newest = versions[0]
    if (!newest) continue
    tags.push({ name: category, description: newest.relation.description })
    for (const s of versions) if (s.address !== null) paths[s.address] = relationPath(s, examples.get(s.relation))
    if (listener === null || !newest.verbs.has('select')) continue
    const get = readOperation(newest, examples.get(newest.relation), `read_newest_${category}`)
    const summary = `The newest version of ${category}, as ${listener} sees it`
    paths[`/api/${encodeURIComponent(listener)}/${category}`] = { get: { ...get, summary } }
  }
  if (major === null) {
    for (const s of seen.others) {
      tags.push({ name: schemaName(s), ...(s.relation.description ? { description: s.relation.description } : {}) })
      if (s.address !== null) paths[s.address] = relationPath(s, examples.get(s.relation))
    }
    const callable = [...functions].filter((f) => f.roles.has(seen.role))
    if (callable.length > 0) tags.push({ name: 'functions' })
    for (const fn of callable) paths[`/api/rpc/${fn.name}`] = callPath(fn)
    if (listener !== null) Object.assign(paths, listenerPath(listener))
    if (waysIn) Object.assign(paths, ingestPaths, foreignPaths, authPaths)
    if (seen.role === 'tmidb_admin') Object.assign(paths, userPaths)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'tmiDB API',
      version: major === null ? '0.1.0' : `${major}`,
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
        bearer: { type: 'http', scheme: 'bearer', description: 'The token of a speaker, listener or user, or a session.' },
        basic: { type: 'http', scheme: 'basic', description: 'Login and password of an account.' },
      },
    },
  }
}
