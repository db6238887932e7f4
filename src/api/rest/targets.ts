// SPDX-License-Identifier: MIT
// A filter on a target's key, found before the rest: the view joins target, but its index starts with target_id.
import type { Relation } from './catalog.ts'
import type { Condition } from './query.ts'

export type Targets = { kind: 'any' } | { kind: 'one'; key: string } | { kind: 'each'; keys: readonly string[] }

/** Takes one top-level "target" filter out of the conditions; a second one stays where it is. */
export function splitTargets(relation: Relation, where: readonly Condition[]): { targets: Targets; where: readonly Condition[] } {
  if (relation.category === null) return { targets: { kind: 'any' }, where }
  const found = where.find((c) => (c.kind === 'in' || (c.kind === 'compare' && c.op === 'eq')) && !c.not && isTarget(c))
  if (found?.kind === 'compare') return { targets: { kind: 'one', key: found.value }, where: where.filter((c) => c !== found) }
  if (found?.kind === 'in') {
    const keys = [...new Set(found.values)]
    const [only] = keys
    const targets: Targets = keys.length === 1 && only !== undefined ? { kind: 'one', key: only } : { kind: 'each', keys }
    return { targets, where: where.filter((c) => c !== found) }
  }
  return { targets: { kind: 'any' }, where }
}

function isTarget(c: Condition): boolean {
  return c.kind !== 'logic' && c.field.name === 'target' && c.field.path.length === 0
}
