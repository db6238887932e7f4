// SPDX-License-Identifier: MIT
// graphile-build 5.1 looks behaviours up by walking a list of all entities (quadratic) and parses the same strings again and again:
// 70 % of the build's CPU. Remembering the answers took 600 views from 4.9 to 1.9 s, with the same SDL (a test compares them).
// It changes methods of a class that is not exported, so it is made only for the version it was written for.
import type {} from 'postgraphile'
import { observe } from '../../base/observe.ts'

const knownVersion = '5.1.1'

interface Resolved {
  behaviorString: string
}
type Lookup = (type: string, entity: unknown) => Resolved
interface BehaviorClass {
  behaviorEntities: Record<string, { listCache: Map<number, unknown[]> } | undefined>
  getBehaviorForEntity: Lookup
  getInferredBehaviorForEntity: Lookup
  getOverrideBehaviorForEntity: Lookup
  entityMatches(type: string, entity: unknown, filter: string): boolean | undefined
  stringMatches(behavior: string, filter: string): boolean | undefined
}
const lookups = ['getBehaviorForEntity', 'getInferredBehaviorForEntity', 'getOverrideBehaviorForEntity'] as const

const patched = new WeakSet<object>()
let mayWarn = true

export const BehaviourMemoPlugin: GraphileConfig.Plugin = {
  name: 'TmidbBehaviourMemoPlugin',
  version: '0.0.0',
  schema: {
    hooks: {
      init: {
        before: ['default'],
        callback(init, build) {
          const version = (build.lib as { versions?: Record<string, string> } | undefined)?.versions?.['graphile-build']
          if (version === knownVersion && fits(build.behavior)) memoise(Object.getPrototypeOf(build.behavior) as BehaviorClass)
          else if (mayWarn) {
            mayWarn = false
            observe({ kind: 'log', level: 'warn', message: `Schema builds are slow: no memo for graphile-build ${version}.` })
          }
          return init
        },
      },
    },
  },
}

function fits(behavior: object): behavior is BehaviorClass {
  const b = behavior as Partial<BehaviorClass>
  return (
    lookups.every((name) => typeof b[name] === 'function') &&
    typeof b.entityMatches === 'function' &&
    typeof b.stringMatches === 'function' &&
    Object.values(b.behaviorEntities ?? {}).every((e) => e?.listCache instanceof Map)
  )
}

interface Node {
  next: Map<unknown, Node>
  entity?: unknown
  answers: Map<string, Resolved>
}
const node = (): Node => ({ next: new Map(), answers: new Map() })

function memoise(proto: BehaviorClass): void {
  if (patched.has(proto)) return
  patched.add(proto)
  const roots = new WeakMap<BehaviorClass, Map<string, Node>>()

  /** One node, and one array, for each tuple of entities of one build. */
  function nodeOf(behavior: BehaviorClass, type: string, entity: unknown): Node {
    let byType = roots.get(behavior)
    if (!byType) roots.set(behavior, (byType = new Map()))
    let at = byType.get(type)
    if (!at) {
      byType.set(type, (at = node()))
      // Tuples arrive here already unique: the list that makes them so would only be walked for nothing.
      const known = behavior.behaviorEntities[type]?.listCache
      if (known) known.get = () => []
    }
    let last: Node = at
    for (const part of Array.isArray(entity) ? entity : [entity]) {
      let next: Node | undefined = last.next.get(part)
      if (!next) last.next.set(part, (next = node()))
      last = next
    }
    last.entity ??= entity
    return last
  }

  for (const name of lookups) {
    const original = proto[name]
    proto[name] = function (this: BehaviorClass, type, entity) {
      const at = nodeOf(this, type, entity)
      let answer = at.answers.get(name)
      if (!answer) at.answers.set(name, (answer = original.call(this, type, at.entity)))
      return answer
    }
  }

  // The first question with a filter goes the long way, because it warns of filters that nobody registered.
  const asked = new WeakMap<BehaviorClass, Set<string>>()
  const matches = new Map<string, boolean | undefined>()
  const entityMatches = proto.entityMatches
  proto.entityMatches = function (this: BehaviorClass, type, entity, filter) {
    let seen = asked.get(this)
    if (!seen) {
      asked.set(this, (seen = new Set()))
      matches.clear()
    }
    const question = `${type}\n${filter}`
    if (!seen.has(question)) {
      seen.add(question)
      return entityMatches.call(this, type, entity, filter)
    }
    const key = `${this.getBehaviorForEntity(type, entity).behaviorString}\n${filter}`
    if (!matches.has(key)) matches.set(key, this.stringMatches(key.slice(0, -filter.length - 1), filter))
    return matches.get(key)
  }
}
