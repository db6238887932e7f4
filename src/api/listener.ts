// SPDX-License-Identifier: MIT
// /api/{listener}: what is there for this listener, and the newest reading of each target it may see.
import { type SQL, sql } from 'pg-sql2'
import { type Claims, type Pool, readAs } from '../db/pool.ts'
import { type Catalog, type Relation, shownColumns } from './rest/catalog.ts'
import { columnSql, jsonSql, row } from './rest/fields.ts'
import { readingsAddress } from './rest/route.ts'
import { statementName } from './rest/sql.ts'
import { type Visible, visibleCategories } from './rest/visible.ts'

export interface ListenerIndex {
  listener: string
  categories: {
    category: string
    href: string
    versions: { version: number; href: string; deprecated: boolean }[]
  }[]
  latest: LatestReading[]
}

export interface LatestReading {
  category: string
  version: number
  target: string
  ts: string
  data: Record<string, unknown>
}

const latestCount = 100
/** Of more targets than this, those that come first by key are looked at: one look-up a target and category, some 0.05 ms. */
const targetsLookedAt = 1000

export async function listenerIndex(pool: Pool, catalog: Catalog, claims: Claims, listener: string): Promise<ListenerIndex> {
  const visible = await visibleCategories(pool, claims)
  const categories = [...catalog.categories].filter(([category]) => visible.has(category))
  return {
    listener,
    categories: categories.map(([category, versions]) => ({
      category,
      href: `/api/${encodeURIComponent(listener)}/${category}`,
      versions: versions.map((v) => ({
        version: v.major ?? 0,
        href: readingsAddress(catalog, v),
        deprecated: v.deprecated !== null,
      })),
    })),
    latest: await latest(
      pool,
      claims,
      categories.flatMap(([, versions]) => versions.slice(0, 1)),
      visible,
    ),
  }
}

async function latest(pool: Pool, claims: Claims, views: Relation[], visible: Visible): Promise<LatestReading[]> {
  if (views.length === 0) return []
  const each = sql.join(
    views.map((view) => latestOf(view, visible)),
    ' union all ',
  )
  const ts = jsonSql({ sql: sql`x.ts`, type: 'timestamp with time zone' })
  const newest = sql`select x.category, x.version, x.target, ${ts} as ts, x.data
    from (${each}) x order by x.ts desc, x.target limit ${sql.literal(latestCount)}`
  const { text, values } = sql.compile(sql`select coalesce(json_agg(x.*)::text, '[]') as body from (${newest}) x`)
  const { rows } = await readAs<{ body: string }>(pool, claims, { text, values, name: statementName(text) })
  return JSON.parse(rows[0]?.body ?? '[]') as LatestReading[]
}

function latestOf(view: Relation, visible: Visible): SQL {
  const mayBeSeen = visible.get(view.category ?? '') ?? null
  const scope = { relation: view, row }
  const fields = shownColumns(view)
    .filter((c) => !['target', 'target_id', 'ts'].includes(c.name) && (mayBeSeen === null || mayBeSeen.has(c.name)))
    .map((c) => sql`${jsonSql({ sql: columnSql(scope, c.name), type: c.type })} as ${sql.identifier(c.name)}`)
  const data = fields.length > 0 ? sql`(select to_json(d.*) from (select ${sql.join(fields, ', ')}) d)` : sql`'{}'::json`
  return sql`(select ${sql.value(view.category)}::text as category, ${sql.value(view.major)}::int as version,
      ${row}.target, ${row}.ts, ${data} as data
    from (select t.target_id from api.target t order by t.key limit ${sql.literal(targetsLookedAt)}) k
    cross join lateral (select * from ${sql.identifier(view.schema, view.name)} ${row} where ${row}.target_id = k.target_id
      order by ${row}.ts desc, ${row}.reading_id desc limit 1) ${row} order by ${row}.ts desc limit ${sql.literal(latestCount)})`
}
