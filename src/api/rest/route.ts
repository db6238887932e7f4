// SPDX-License-Identifier: MIT
// Which relation or function an address under /api means. Names of users' relations and of categories are data: what is found
// depends on the catalog, on the API major in the path and on the schema that the profile header asks for.
import type { IncomingHttpHeaders } from 'node:http'
import { isBound, type RequestRole } from '../../db/pool.ts'
import type { Catalog, Relation } from './catalog.ts'
import { RestError, unknownRelation } from './error.ts'
import type { ApiFunction } from './rpc-catalog.ts'

export type Route =
  | { kind: 'rows'; name: string; major: number | null; schema: string | null }
  | { kind: 'newest'; listener: string; category: string }
  | { kind: 'index'; listener: string }
  | { kind: 'call'; name: string; schema: string | null }

/** First path segments that belong to others. */
const reserved = new Set(['in', 'auth', ''])

/** null: the address is somebody else's. */
export function routeOf(path: string, catalog: Catalog, profile: Profile): Route | null {
  const parts = path.slice('/api/'.length).split('/')
  if (parts.length > 1 && parts.at(-1) === '') parts.pop()
  const [first = '', second, ...more] = parts.map(decoded)
  const { schema } = profile
  // PostgREST's clients, which have one base address, look for functions beside the relations.
  if (/^v\d+$/.test(first) && second === 'rpc' && more.length === 1) return { kind: 'call', name: more[0] ?? '', schema }
  if (reserved.has(first) || more.length > 0) return null
  if (first === 'rpc') return second === undefined ? null : { kind: 'call', name: second, schema }
  if (second === undefined) {
    if (/^v\d+$/.test(first)) return null
    const asked = schema !== null || profile.major !== null
    if (asked || usersRelation(catalog, first, null)) return { kind: 'rows', name: first, ...profile }
    return { kind: 'index', listener: first }
  }
  const major = /^v(\d{1,5})$/.exec(first)
  if (major) return { kind: 'rows', name: second, schema, major: profile.major ?? Number(major[1]) }
  return { kind: 'newest', listener: first, category: second }
}

export interface Profile {
  schema: string | null
  major: number | null
}

/** Accept-Profile for reads, Content-Profile for writes: an exposed schema, or v2 for the second major of the API. */
export function profileOf(method: string | undefined, headers: IncomingHttpHeaders): Profile {
  const said = headers[method === 'GET' || method === 'HEAD' ? 'accept-profile' : 'content-profile']
  if (said === undefined) return { schema: null, major: null }
  const major = /^v(\d{1,5})$/.exec(String(said))
  return major ? { schema: null, major: Number(major[1]) } : { schema: String(said), major: null }
}

export function checkProfile(catalog: Catalog, { schema }: Profile): void {
  if (schema === null || catalog.schemas.has(schema)) return
  throw new RestError(406, 'PGRST106', `Invalid schema: ${schema.slice(0, 80)}`, {
    hint: `Only the following schemas are exposed: ${[...catalog.schemas.keys()].join(', ')}`,
  })
}

/** A relation that is not the generated view of a category; those are asked for by category and major. */
function usersRelation(catalog: Catalog, name: string, schema: string | null): Relation | undefined {
  if (schema !== null) return plain(catalog.schemas.get(schema)?.get(name))
  for (const relations of catalog.schemas.values()) {
    const found = plain(relations.get(name))
    if (found) return found
  }
  return undefined
}

function plain(relation: Relation | undefined): Relation | undefined {
  return relation?.category === null ? relation : undefined
}

export type RowsRoute = Route & { kind: 'rows' | 'newest' }
export type CallRoute = Route & { kind: 'call' }

/**
 * A relation wins over a category of the same name: devices make categories, and must not take an address of somebody's table. The
 * readings are then at the name of their view (/api/v1/ann_v1), or at their own address with the profile "api".
 */
export function findRelation(route: RowsRoute, catalog: Catalog): Relation | undefined {
  const versions = versionsOf(route, catalog)
  if (route.kind === 'newest') return versions?.[0]
  const { name, major, schema } = route
  return (
    usersRelation(catalog, name, schema) ??
    versions?.find((r) => r.major === major) ??
    (schema === null || schema === 'api' ? catalog.schemas.get('api')?.get(name) : undefined)
  )
}

function versionsOf(route: RowsRoute, { categories }: Catalog): readonly Relation[] | undefined {
  if (route.kind === 'newest') return categories.get(route.category)
  return route.schema === null || route.schema === 'api' ? categories.get(route.name) : undefined
}

export function relationOf(route: RowsRoute, catalog: Catalog, role: RequestRole): Relation {
  const found = findRelation(route, catalog)
  if (found) return found
  throw notThere(route, isBound(role) ? undefined : versionsOf(route, catalog)?.[0])
}

/** Where the readings of a category's view are. */
export function readingsAddress(catalog: Catalog, { category, major, name }: Relation): string {
  return `/api/v${major}/${usersRelation(catalog, category ?? '', null) ? name : category}`
}

/** What is hidden and what is not there are refused in the same words: listeners are not told the names of categories. */
export function notThere(route: RowsRoute, near?: Relation): RestError {
  const hint = near ? `api.${near.name}` : null
  if (route.kind === 'newest') return unknownRelation(`api.${route.category}`, hint)
  return unknownRelation(`${route.schema ?? 'api'}.${route.name}${route.major === null ? '' : `_v${route.major}`}`, hint)
}

/** Of equal names the function of the first schema, unless the schema is said. */
export function callable({ name, schema }: CallRoute, { functions, everyFunction }: Catalog): ApiFunction | undefined {
  return schema === null ? functions.get(name) : everyFunction.find((f) => f.name === name && f.schema === schema)
}

export function functionOf(route: CallRoute, catalog: Catalog, role: RequestRole): ApiFunction {
  const found = callable(route, catalog)
  // Who is bound by rules is not told of functions that others call.
  if (found && (found.roles.has(role) || !isBound(role))) return found
  const { name } = route
  const near = catalog.everyFunction.find((f) => f.roles.has(role) && (f.name.startsWith(name) || name.startsWith(f.name)))
  throw new RestError(404, 'PGRST202', `Could not find the function ${route.schema ?? 'api'}.${name} in the schema cache`, {
    ...(near === undefined ? {} : { hint: `Perhaps you meant to call the function ${near.schema}.${near.name}` }),
  })
}

/** A part of an address; what is no encoding is taken as it stands. */
export function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}
