// SPDX-License-Identifier: MIT
// A schema built beside the requests: the same steps as PostGraphile's makeSchema, but the loop is let go every few milliseconds.
// graphile-build makes a type and at once all that its fields point at, which is the whole schema in one go (180 ms for 50 categories,
// 400 ms for 200); here fields wait in a queue and are made one type after the other. A test compares the schema with makeSchema's.
import './environment.ts'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type {} from 'postgraphile'
import { buildInflection, gather, getBuilder } from 'postgraphile/graphile-build'
import { GraphQLInputObjectType, GraphQLObjectType, GraphQLSchema, validateSchema } from 'postgraphile/graphql'

/**
 * Others wait for at most this long, and as long as the largest step that cannot be divided (30 ms at 200 categories). Shorter ones
 * make a build that takes for ever where there is much else to do: each turn of the loop serves all who came.
 */
const sliceMs = 15

type Pause = () => Promise<void>

/** To be awaited between two steps; lets the loop go when the steps since the last time took long enough. */
export function pacer(ms = sliceMs): Pause {
  let begun = performance.now()
  return async () => {
    if (performance.now() - begun < ms) return
    await nextTurn()
    begun = performance.now()
  }
}

/** Types that turned out to have no fields; a type is dropped then, so whoever asks for one has to wait for its fields. */
const knownEmpty = new Set<string>()

export async function schemaInSlices(preset: GraphileConfig.Preset): Promise<GraphQLSchema> {
  const pause = pacer()
  const waiting = queue(pause)
  // Inflectors read options of the preset that they are given: it has to be the resolved one.
  const whole = getBuilder({ extends: [preset], plugins: [waiting.plugin] }, {} as GraphileBuild.Inflection).resolvedPreset
  const inflection = buildInflection(whole)
  const input = await gather(whole, { inflection })
  for (;;) {
    await pause()
    const builder = getBuilder(whole, inflection)
    waiting.begin(builder)
    const build = builder.createBuild(input)
    await pause()
    const { init } = builder.hooks
    for (const hook of init) {
      builder.hooks.init = [hook]
      builder.applyHooks('init', {}, build, { scope: {}, type: 'init' } as never)
      await pause()
    }
    builder.hooks.init = []
    builder.initBuild(build)
    for (const name of waiting.enums) {
      build.getTypeByName(name)
      await pause()
    }
    build.getTypeByName(inflection.builtin('Query'))
    for (const root of ['Mutation', 'Subscription'] as const) {
      build.getTypeByName(inflection.builtin(root))
      await pause()
    }
    await waiting.finish()
    const spec = { directives: [...build.graphql.specifiedDirectives] }
    const made = builder.newWithHooks(build, GraphQLSchema, spec, { __origin: 'tmiDB' } as never)
    await pause()
    // What only the schema itself asked for.
    await waiting.finish()
    if (waiting.someWereEmpty()) continue
    const schema = builder.applyHooks(
      'finalize',
      made,
      build,
      { scope: {}, type: 'finalize' } as never,
      'Finalizing GraphQL schema',
    )
    await pause()
    const [error] = validateSchema(schema)
    if (error) throw error
    return schema
  }
}

type Fielded = GraphQLObjectType | GraphQLInputObjectType
type Builder = ReturnType<typeof getBuilder>
/** The parts of a build that are replaced, while it may still be changed. */
interface Replaced {
  getTypeByName(this: unknown, name: string): unknown
  registerEnumType(this: unknown, name: string, ...rest: unknown[]): void
}

function queue(pause: Pause) {
  let isGathering = false
  let builder: Builder
  let types: Fielded[] = []
  let enums: string[] = []
  let foundEmpty = false
  const plugin: GraphileConfig.Plugin = {
    name: 'TmidbSlicesPlugin',
    version: '0.0.0',
    gather: {
      hooks: {
        // All relations are read at once otherwise. The first thing that is announced when the hooks over the whole catalog are done.
        async pgIntrospection_namespace({ helpers }, { serviceName }) {
          if (isGathering) return
          isGathering = true
          for (const pgClass of await helpers.pgIntrospection.getClasses(serviceName)) {
            await helpers.pgTables.getResourceOptions(serviceName, pgClass)
            await pause()
          }
        },
        async pgTables_PgResourceOptions_relations() {
          await pause()
        },
      },
    },
    schema: {
      hooks: {
        build: {
          before: ['default'],
          callback(build) {
            const replaced = build as unknown as Replaced
            const { getTypeByName, registerEnumType } = replaced
            const atOnce = new Set([...knownEmpty, ...['Mutation', 'Subscription'].map((n) => build.inflection.builtin(n))])
            replaced.registerEnumType = function (name, ...rest) {
              enums.push(name)
              registerEnumType.call(this, name, ...rest)
            }
            replaced.getTypeByName = function (name) {
              const known = build.getAllTypes() as Record<string, unknown>
              if (name in known || atOnce.has(name)) return getTypeByName.call(this, name)
              const meta = build.getTypeMetaByName(name)
              if (!meta || (meta.Constructor !== GraphQLObjectType && meta.Constructor !== GraphQLInputObjectType))
                return getTypeByName.call(this, name)
              const type = builder.newWithHooks(
                build as never,
                meta.Constructor as never,
                { ...meta.specGenerator(), name } as never,
                meta.scope as never,
              )
              known[name] = type
              types.push(type as Fielded)
              return type
            }
            return build
          },
        },
      },
    },
  }
  return {
    plugin,
    get enums() {
      return enums
    },
    begin(next: Builder) {
      builder = next
      types = []
      enums = []
      foundEmpty = false
    },
    async finish() {
      for (let type = types.shift(); type; type = types.shift()) {
        if (Object.keys(type.getFields()).length === 0) {
          knownEmpty.add(type.name)
          foundEmpty = true
        }
        await pause()
      }
    },
    someWereEmpty: () => foundEmpty,
  }
}
