// SPDX-License-Identifier: MIT
// What the generated connections take beside filters: the target by its key, pages that have an end, and an order that is always
// complete, so that a cursor works with every orderBy.
import type {} from 'postgraphile'
import { type PgSelectQueryBuilder, type PgSelectStep, sqlValueWithCodec, TYPES } from 'postgraphile/@dataplan/pg'
import {
  type ConnectionStep,
  ConstantStep,
  constant,
  type FieldArg,
  type FieldArgs,
  lambda,
  SafeError,
  type Step,
} from 'postgraphile/grafast'
import { sql } from 'postgraphile/pg-sql2'
import { pageProblem } from './cost.ts'
import { limits } from './limits.ts'
import { categoryView } from './views.ts'

type Connection = Omit<ConnectionStep<unknown>, 'getSubplan'> & { getSubplan(): PgSelectStep; neededCollection: boolean }

export const ConnectionArgumentsPlugin: GraphileConfig.Plugin = {
  name: 'TmidbConnectionArgumentsPlugin',
  version: '0.0.0',
  after: ['PgFirstLastBeforeAfterArgsPlugin', 'PgConnectionArgOrderByPlugin', 'PgConnectionArgOrderByDefaultValuePlugin'],
  schema: {
    hooks: {
      GraphQLObjectType_fields_field_args(args, build, { scope, Self }) {
        if (!scope.isPgFieldConnection) return args
        const { GraphQLInt, GraphQLList, GraphQLNonNull, GraphQLString } = build.graphql
        const { first, last, offset } = args
        const most = scope.pgFieldResource?.parameters ? limits.page : limits.defaultPage
        if (first) {
          // Read by the field's plan, below: whether the default holds depends on "last".
          args.first = {
            type: GraphQLInt,
            description: `How many, from the start; ${most} unless told, at most ${limits.page}.`,
          }
        }
        if (last) args.last = { type: GraphQLInt, description: `How many, from the end; at most ${limits.page}.` }
        if (offset) {
          args.offset = {
            type: GraphQLInt,
            description: `Skips so many, at most ${limits.offset}; "after" with a cursor is faster.`,
          }
        }
        // Behind a target it is that target's.
        if (!categoryView(scope.pgFieldResource) || !isRoot(scope)) return args
        return build.extend(
          args,
          {
            target: {
              type: GraphQLString,
              description: 'Only of this target, by its key. The fastest way to the latest readings: with orderBy: TS_DESC.',
              applyPlan: ofTarget,
            },
            targets: {
              type: new GraphQLList(new GraphQLNonNull(GraphQLString)),
              description: 'Only of these targets, by their keys.',
              applyPlan: ofTargets,
            },
          },
          `Adding targets to ${Self.name}`,
        )
      },
      GraphQLObjectType_fields_field(field, build, { scope }) {
        const resource = scope.pgFieldResource
        if (!scope.isPgFieldConnection || !resource || resource.isUnique) return field
        const plan = field.plan
        if (!plan) return field
        const key = resource.uniques.find((u: { isPrimary?: boolean }) => u.isPrimary)?.attributes as
          | readonly string[]
          | undefined
        // A function says itself how much it gives.
        const unlessTold = resource.parameters ? limits.page : limits.defaultPage
        const inflect = (attributeName: string, variant: string) =>
          build.inflection.orderByAttributeEnum({ codec: resource.codec as never, attributeName, variant: variant as never })
        const named = new Map(
          (key ?? []).flatMap((a) => [
            [inflect(a, 'asc'), a],
            [inflect(a, 'desc'), a],
          ]),
        )
        return {
          ...field,
          extensions: { ...field.extensions, tmidbPage: unlessTold },
          plan($parent, fieldArgs, info) {
            const $connection = plan($parent, fieldArgs, info) as unknown as Connection
            const has = (name: string) => info.field.args.some((a) => a.name === name)
            const $last = has('last') ? given(fieldArgs, 'last') : constant(undefined)
            const $first = lambda([given(fieldArgs, 'first'), $last], (asked) => firstOf(asked, unlessTold), true)
            const { neededCollection } = $connection
            $connection.setFirst($first as never)
            for (const name of ['last', 'offset'] as const) {
              if (!has(name)) continue
              const $value = given(fieldArgs, name)
              if ($value instanceof ConstantStep && $value.data === undefined) continue
              const $checked = lambda($value, (value) => checked(name, value), true)
              if (name === 'last') $connection.setLast($checked as never)
              else $connection.setOffset($checked as never)
            }
            // To say how large a page is would count as asking for one: a count or an aggregate alone reads no rows. Only cursors of the
            // page rely on it.
            $connection.neededCollection = neededCollection
            const { pageInfo } = $connection
            $connection.pageInfo = function () {
              this.neededCollection = true
              return pageInfo.call(this)
            }
            if (key) {
              fieldArgs.autoApply($connection as unknown as Step)
              const $orders = has('orderBy') ? given(fieldArgs, 'orderBy') : constant(undefined)
              $connection.getSubplan().apply(lambda($orders, (orders) => completeOrder(orders, key, named), true) as never)
            }
            return $connection as unknown as Step
          },
        }
      },
    },
  },
}

function isRoot(scope: object): boolean {
  return (scope as { isRootQuery?: boolean }).isRootQuery === true
}

function given(fieldArgs: FieldArgs, name: string): Step {
  return fieldArgs.getRaw(name) as Step
}

function firstOf([first, last]: readonly unknown[], unlessTold: number): number | null {
  if (typeof first === 'number') return checked('first', first)
  return typeof last === 'number' ? null : unlessTold
}

/** The document was checked before; this holds for values that came another way, such as a variable's default. */
function checked(argument: string, value: unknown): number | null {
  const problem = pageProblem(argument, value)
  if (problem) throw new SafeError(problem.message, { code: problem.code })
  return (value as number | null | undefined) ?? null
}

/** The rest of the key behind what was asked for, in its direction: (ts, target_id, reading_id) backwards is the index backwards. */
function completeOrder(asked: unknown, key: readonly string[], named: ReadonlyMap<string, string>) {
  const orders = (Array.isArray(asked) ? asked : []).filter((o): o is string => typeof o === 'string')
  return (query: PgSelectQueryBuilder) => {
    const direction = orders.at(-1)?.endsWith('_DESC') ? 'DESC' : 'ASC'
    if (!orders.some((o) => o.startsWith('PRIMARY_KEY_'))) {
      const have = new Set(orders.map((o) => named.get(o)))
      for (const attribute of key) if (!have.has(attribute)) query.orderBy({ attribute, direction })
    }
    query.setOrderIsUnique()
  }
}

// A sub-select that runs once, so that the planner sees one target_id and walks (target_id, category_id, ts, reading_id).
function ofTarget(_: unknown, $connection: unknown, value: FieldArg): void {
  value.apply(
    ($connection as Connection).getSubplan() as never,
    ((query: PgSelectQueryBuilder, key: unknown) => {
      if (typeof key !== 'string') return
      query.where(
        sql`${query.alias}.target_id = (select t.target_id from api.target t where t.key = ${sqlValueWithCodec(key, TYPES.text)})`,
      )
    }) as never,
  )
}

function ofTargets(_: unknown, $connection: unknown, value: FieldArg): void {
  value.apply(
    ($connection as Connection).getSubplan() as never,
    ((query: PgSelectQueryBuilder, keys: unknown) => {
      if (!Array.isArray(keys)) return
      // One JSON parameter: an array's length is part of no statement's text, so the prepared statement is the same for any number.
      const list = sqlValueWithCodec(JSON.stringify(keys), TYPES.text)
      query.where(sql`${query.alias}.target_id = any(array(select t.target_id from api.target t
      where t.key = any(array(select jsonb_array_elements_text(${list}::jsonb)))))`)
    }) as never,
  )
}
