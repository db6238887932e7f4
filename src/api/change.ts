// SPDX-License-Identifier: MIT
// One thing about the API that is not as it was.

export interface ApiChange {
  where: 'graphql' | 'openapi'
  /** "Site.name", "GET /api/site", "site.name" (a property of a row). */
  path: string
  kind: 'added' | 'removed' | 'changed'
  breaking: boolean
  text: string
}

export function change(
  where: ApiChange['where'],
  path: string,
  kind: ApiChange['kind'],
  breaking: boolean,
  text: string,
): ApiChange {
  return { where, path, kind, breaking, text }
}
