// SPDX-License-Identifier: MIT
// What is asked again and again is read once.
import type { Relation } from './catalog.ts'

const plansPerRelation = 2000
const longestKey = 1000

/** Dashboards ask the same thing again and again: an address is read once. A relation's plans go when the catalog is replaced. */
export function planCache<Plan>(): (relation: Relation, key: string, make: () => Plan) => Plan {
  const byRelation = new WeakMap<Relation, Map<string, Plan>>()
  return (relation, key, make) => {
    let plans = byRelation.get(relation)
    if (!plans) byRelation.set(relation, (plans = new Map()))
    let plan = plans.get(key)
    if (!plan) {
      plan = make()
      if (plans.size >= plansPerRelation) plans.clear()
      if (key.length <= longestKey) plans.set(key, plan)
    }
    return plan
  }
}
