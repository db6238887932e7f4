// SPDX-License-Identifier: MIT
// What changes for a caller between two states of the API, and what of it breaks one that works today.
import { type ApiChange, change } from './change.ts'
import type { Contract } from './contract.ts'
import { graphqlDiff } from './diff-graphql.ts'
import { openapiDiff } from './diff-openapi.ts'

export type { ApiChange } from './change.ts'

/** Breaking ones first. */
export function apiDiff(before: Contract, after: Contract): ApiChange[] {
  const leftOut = [...after.leftOut].filter(([name]) => !before.leftOut.has(name))
  return [
    ...graphqlDiff(before.graphql, after.graphql),
    ...leftOut.map(([path, why]) => change('graphql', path, 'changed', false, `GraphQL cannot show ${path}: ${why}`)),
    ...byRole(before, after),
  ].sort((a, b) => Number(b.breaking) - Number(a.breaking))
}

/** What is the same for every role is said once. */
function byRole(before: Contract, after: Contract): ApiChange[] {
  const found = new Map<string, { change: ApiChange; roles: string[] }>()
  for (const [role, document] of after.openapi) {
    for (const one of openapiDiff(before.openapi.get(role) ?? {}, document)) {
      const key = JSON.stringify(one)
      const known = found.get(key) ?? { change: one, roles: [] }
      found.set(key, { ...known, roles: [...known.roles, `${role.replace('tmidb_', '')}s`] })
    }
  }
  return [...found.values()].map(({ change: one, roles }) =>
    roles.length === after.openapi.size ? one : { ...one, text: `${one.text.replace(/\.$/, '')}, for ${roles.join(', ')}.` },
  )
}
