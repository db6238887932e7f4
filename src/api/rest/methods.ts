// SPDX-License-Identifier: MIT
// Which methods an address takes, for Allow: what could be there, and what one role may do with what is there.
import type { RequestRole } from '../../db/pool.ts'
import type { Catalog, Relation } from './catalog.ts'
import { RestError } from './error.ts'
import { callable, type Route } from './route.ts'
import { allowedMethods } from './write.ts'

export const onlyRead = 'GET, HEAD, OPTIONS'

export function allowed(route: Route): string {
  switch (route.kind) {
    case 'call':
      return 'GET, HEAD, POST, OPTIONS'
    case 'rows':
    case 'index':
      return 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS'
    default:
      return onlyRead
  }
}

export function unsupported(method: string | undefined, allow: string): RestError {
  return new RestError(405, 'PGRST117', `Unsupported HTTP method: ${method}`, { headers: { allow } })
}

/** relation: what the route means, if it is there. */
export function allowedTo(role: RequestRole, route: Route, relation: Relation | undefined, catalog: Catalog): string {
  if (route.kind === 'call') {
    const fn = callable(route, catalog)
    return fn?.roles.has(role) && (fn.isVolatile || fn.takesBody) ? 'POST, OPTIONS' : allowed(route)
  }
  if (route.kind !== 'rows') return onlyRead
  return relation ? allowedMethods(relation, role) : allowed(route)
}
