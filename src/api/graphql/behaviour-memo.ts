// SPDX-License-Identifier: MIT
// graphile-build 5.1 looks behaviours up by walking a list of all entities (quadratic) and parses the same strings again and again:
// 70 % of the build's CPU. Remembering which tuple is which took 600 views from 4.9 to 1.9 s; remembering also what equal strings
// make of each other halved it again. The SDL is the same (a test compares them).
// It changes methods of a class that is not exported, so it is made only for the version it was written for.
import type {} from 'postgraphile'
import { observe } from '../../base/observe.ts'

const knownVersion = '5.1.1'

interface Resolved {
  behaviorString: string
  stack: unknown[]
}
type Lookup = (type: string, entity: unknown) => Resolved
interface BehaviorClass {
  behaviorEntities: Record<string, { listCache: Map<number, unknown[]> } | undefined>
  getBehaviorForEntity: Lookup
  getInferredBehaviorForEntity: Lookup
  getOverrideBehaviorForEntity: Lookup
  entityMatches(type: string, entity: unknown, filter: string): boolean | undefined
  stringMatches(behavior: string, filter: string): boolean | undefined
  getDefaultBehaviorFor(type: string): string
  getPreferencesAppliedBehaviors(type: string, inferred: Resolved, override: Resolved): Resolved
  parseBehaviorString(behavior: string): unknown
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
    typeof b.getDefaultBehaviorFor === 'function' &&
    typeof b.getPreferencesAppliedBehaviors === 'function' &&
    typeof b.parseBehaviorString === 'function' &&
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

  // What follows from the strings alone is the same for every field of every view. Kept for one build: behaviours may name views.
  interface Strings {
    asked: Set<string>
    matches: Map<string, Map<string, boolean | undefined>>
    applied: Map<string, Map<string, Resolved>>
    parsed: Set<string>
  }
  const kept = new WeakMap<BehaviorClass, Strings>()
  function stringsOf(behavior: BehaviorClass): Strings {
    let strings = kept.get(behavior)
    if (!strings) kept.set(behavior, (strings = { asked: new Set(), matches: new Map(), applied: new Map(), parsed: new Set() }))
    return strings
  }

  // The first question with a filter goes the long way, because it warns of filters that nobody registered.
  const entityMatches = proto.entityMatches
  proto.entityMatches = function (this: BehaviorClass, type, entity, filter) {
    const { asked, matches } = stringsOf(this)
    const question = `${type}\n${filter}`
    if (!asked.has(question)) {
      asked.add(question)
      return entityMatches.call(this, type, entity, filter)
    }
    const { behaviorString } = this.getBehaviorForEntity(type, entity)
    let answers = matches.get(behaviorString)
    if (!answers) matches.set(behaviorString, (answers = new Map()))
    if (!answers.has(filter)) answers.set(filter, this.stringMatches(behaviorString, filter))
    return answers.get(filter)
  }

  const apply = proto.getPreferencesAppliedBehaviors
  proto.getPreferencesAppliedBehaviors = function (this: BehaviorClass, type, inferred, override) {
    const { applied } = stringsOf(this)
    const key = `${type}\n${override.behaviorString}`
    let answers = applied.get(inferred.behaviorString)
    if (!answers) applied.set(inferred.behaviorString, (answers = new Map()))
    let answer = answers.get(key)
    // Its "stack" tells a person where a behaviour comes from, of the first that had it.
    if (!answer) answers.set(key, (answer = apply.call(this, type, inferred, override)))
    return answer
  }

  // Called to see whether it throws.
  const parse = proto.parseBehaviorString
  proto.parseBehaviorString = function (this: BehaviorClass, behavior) {
    const { parsed } = stringsOf(this)
    if (parsed.has(behavior)) return []
    const specs = parse.call(this, behavior)
    parsed.add(behavior)
    return specs
  }
}
