// SPDX-License-Identifier: MIT
// One build of the schema. A view that cannot be built is left out, with a warning: what one device sends never takes the API away
// from the others.
import './environment.ts'
import { createHash } from 'node:crypto'
import type { GraphQLSchema } from 'postgraphile/graphql'
import { observe } from '../../base/observe.ts'
import { type Introspection, introspect, readFrom } from './introspect.ts'
import { onlyOurs } from './only-ours.ts'
import { makePreset, type PresetOptions } from './preset.ts'
import { schemaInSlices } from './slices.ts'

export interface Built {
  schema: GraphQLSchema
  ms: number
  /** Names of the views, tables and functions that were left out, each with why. */
  leftOut: ReadonlyMap<string, string>
  /** What was left out, by name: what it was then. When it is something else, it is tried again. */
  marks: ReadonlyMap<string, string>
  /** Hash of what was read of the catalog. */
  digest: string
}

/**
 * The very same thing if the catalog is as it was. What the last build had to leave out is tried first when everything together
 * fails.
 */
export async function buildSchema(options: PresetOptions, before?: Built): Promise<Built> {
  const begun = performance.now()
  // The catalog cannot be read: it is the database that is away, not a view that is odd.
  const read = await introspect(options.pool)
  const digest = createHash('sha1').update(read.text).update(read.schemas.join()).digest('hex')
  if (before?.digest === digest) return before
  const made = await build(options, read, before?.leftOut ?? new Map(), before?.marks ?? new Map())
  return { ...made, digest, ms: Math.round(performance.now() - begun) }
}

type Made = Pick<Built, 'schema' | 'leftOut' | 'marks'>

/** Apart from the above, because what is built remembers all that a function here knows, and must not remember the schema before it. */
async function build(
  options: PresetOptions,
  read: Introspection,
  leftOutBefore: ReadonlyMap<string, string>,
  marksBefore: ReadonlyMap<string, string>,
): Promise<Made> {
  const all = await attempt(options, read, () => false)
  if ('schema' in all) return { schema: all.schema, leftOut: new Map(), marks: new Map() }
  // What is gone is forgotten, and what was changed gets another chance.
  const stillOdd = new Map(
    [...leftOutBefore].filter(([name]) => all.marks.get(name) === marksBefore.get(name) && all.marks.has(name)),
  )
  const made = (schema: GraphQLSchema, leftOut: ReadonlyMap<string, string>): Made => ({
    schema,
    leftOut,
    marks: new Map([...all.marks].filter(([name]) => leftOut.has(name))),
  })
  let last = all
  if (stillOdd.size > 0) {
    const again = await attempt(options, read, (name) => stillOdd.has(name))
    if ('schema' in again) return made(again.schema, stillOdd)
    last = again
  }

  // Oldest first, so that of two that cannot stand together the older stays. The first view that breaks is found by halving.
  const views = [...all.marks.keys()]
  const leftOut = new Map<string, string>(stillOdd)
  let isFirst = true
  for (;;) {
    const kept = views.filter((v) => !leftOut.has(v))
    const upTo = async (count: number) => {
      const these = new Set(kept.slice(0, count))
      return await attempt(options, read, (name) => !these.has(name))
    }
    const whole = isFirst ? last : await upTo(kept.length)
    isFirst = false
    if ('schema' in whole) return made(whole.schema, leftOut)
    let good = 0
    let bad = kept.length
    let reason = whole.error
    while (bad - good > 1) {
      const middle = Math.floor((good + bad) / 2)
      const half = await upTo(middle)
      if ('schema' in half) good = middle
      else {
        bad = middle
        reason = half.error
      }
    }
    // Without any view it fails too: the trouble is elsewhere, and leaving views out is no help.
    const culprit = kept[bad - 1]
    if (culprit === undefined) throw whole.error
    if (good === 0) {
      const none = await upTo(0)
      if (!('schema' in none)) throw none.error
    }
    leftOut.set(culprit, reason.message)
    observe({ kind: 'log', level: 'warn', message: `GraphQL leaves out the view ${culprit}: ${reason.message}` })
  }
}

type Attempt = { schema: GraphQLSchema } | { error: Error; marks: ReadonlyMap<string, string> }

async function attempt(options: PresetOptions, read: Introspection, isLeftOut: (name: string) => boolean): Promise<Attempt> {
  let marks: ReadonlyMap<string, string> = new Map()
  const only = onlyOurs(
    read.schemas,
    (found) => {
      marks = found
    },
    isLeftOut,
  )
  try {
    const preset = makePreset({ ...options, plugins: [...(options.plugins ?? []), only] })
    return { schema: await schemaInSlices(readFrom(read, preset)) }
  } catch (e) {
    return { marks, error: e instanceof Error ? e : new Error(String(e)) }
  }
}
