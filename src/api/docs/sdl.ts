// SPDX-License-Identifier: MIT
// The GraphQL schema as text, as one caller may know it.
import { type GraphQLSchema, print } from 'postgraphile/graphql'
import { lensOf, wholeText } from '../graphql/lens.ts'
import type { Catalog } from '../rest/catalog.ts'
import type { Seen } from './seen.ts'

export function visibleSdl(schema: GraphQLSchema, catalog: Catalog, seen: Seen): string {
  return seen.role === 'tmidb_admin' ? wholeText(schema) : print(lensOf(schema, catalog, seen).document())
}
