// SPDX-License-Identifier: MIT
// One build of the schema. A view that cannot be built is left out, with a warning: what one device sends never takes the API away
// from the others.
import './environment.ts'
import { createHash } from 'node:crypto'
import type { GraphQLSchema } from 'postgraphile/graphql'
import { observe } from '../../base/observe.ts'
import { type Introspection, introspect, readFrom } from './introspect.ts'
import { makePreset, type PresetOptions } from './preset.ts'
import { schemaInSlices } from './slices.ts'

export interface Built {
  schema: GraphQLSchema
  ms: number
  /** Names of the views, tables and functions that were left out, each with why. */
  leftOut: ReadonlyMap<string, string>
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
  const made = await build(options, read, before?.leftOut ?? new Map())
  return { ...made, digest, ms: Math.round(performance.now() - begun) }
}

type Made = Pick<Built, 'schema' | 'leftOut'>

/** Apart from the above, because what is built remembers all that a function here knows, and must not remember the schema before it. */
async function build(options: PresetOptions, read: Introspection, leftOutBefore: ReadonlyMap<string, string>): Promise<Made> {
  const all = await attempt(options, read, () => false)
  if ('schema' in all) return { schema: all.schema, leftOut: new Map() }
  if (leftOutBefore.size > 0) {
    const again = await attempt(options, read, (name) => leftOutBefore.has(name))
    if ('schema' in again) return { schema: again.schema, leftOut: leftOutBefore }
  }

  // Oldest first, so that of two that cannot stand together the older stays. The first view that breaks is found by halving.
  const views = all.views
  const leftOut = new Map<string, string>()
  for (;;) {
    const kept = views.filter((v) => !leftOut.has(v))
    const upTo = async (count: number) => {
      const these = new Set(kept.slice(0, count))
      return await attempt(options, read, (name) => !these.has(name))
    }
    const whole = leftOut.size === 0 ? all : await upTo(kept.length)
    if ('schema' in whole) return { schema: whole.schema, leftOut }
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

type Attempt = { schema: GraphQLSchema } | { error: Error; views: string[] }

async function attempt(options: PresetOptions, read: Introspection, isLeftOut: (name: string) => boolean): Promise<Attempt> {
  let views: string[] = []
  const only = onlyOurs(
    read.schemas,
    (found) => {
      views = found
    },
    isLeftOut,
  )
  try {
    const preset = makePreset({ ...options, plugins: [...(options.plugins ?? []), only] })
    return { schema: await schemaInSlices(readFrom(read, preset)) }
  } catch (e) {
    return { views, error: e instanceof Error ? e : new Error(String(e)) }
  }
}

/**
 * Of what was read, the relations and functions of the exposed schemas; of functions only what REST calls too: they only read, and have
 * a name for themselves and for each argument. What may be left out is told, oldest first: what devices and users made.
 */
export function onlyOurs(
  schemas: string[],
  tell: (names: string[]) => void,
  isLeftOut: (name: string) => boolean,
): GraphileConfig.Plugin {
  return {
    name: 'TmidbOnlyOursPlugin',
    version: '0.0.0',
    gather: {
      hooks: {
        pgIntrospection_introspection(_info, { introspection }) {
          const ours = new Map(introspection.namespaces.filter((n) => schemas.includes(n.nspname)).map((n) => [n._id, n.nspname]))
          const made: { id: number; name: string }[] = []
          /** Whether it stays; of what may go, its name is noted. */
          const stays = (id: string, schema: string | undefined, short: string, isMade: boolean): boolean => {
            if (!isMade) return true
            const name = schema === 'api' ? short : `${schema}.${short}`
            made.push({ id: Number(id), name })
            return !isLeftOut(name)
          }
          const classes = introspection.classes.filter((c) => {
            const schema = ours.get(c.relnamespace)
            if (schema === undefined) return false
            return stays(c._id, schema, c.relname, schema !== 'api' || c.getTags().tmidbCategory !== undefined)
          })
          introspection.classes.splice(0, Infinity, ...classes)
          const ids = new Set(classes.map((c) => c._id))
          introspection.attributes.splice(0, Infinity, ...introspection.attributes.filter((a) => ids.has(a.attrelid)))
          const procs = introspection.procs.filter((p) => ours.has(p.pronamespace) && p.prokind === 'f')
          const named = new Map<string, number>()
          for (const { proname } of procs) named.set(proname, (named.get(proname) ?? 0) + 1)
          const callable = procs.filter((p) => {
            const schema = ours.get(p.pronamespace)
            return (
              p.provolatile !== 'v' &&
              named.get(p.proname) === 1 &&
              ((p.proargtypes ?? []).length === 0 || (p.proargnames ?? []).slice(0, p.pronargs ?? 0).every((n) => n !== '')) &&
              stays(p._id, schema, `${p.proname}()`, schema !== 'api')
            )
          })
          introspection.procs.splice(0, Infinity, ...callable)
          tell(made.sort((a, b) => a.id - b.id).map((m) => m.name))
        },
      },
    },
  }
}
