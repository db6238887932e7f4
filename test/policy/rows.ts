// SPDX-License-Identifier: MIT
// What the views and functions that carry rights themselves answer to somebody, beside what the oracle says from the grants alone.
import type { Client } from '../../src/db/superuser.ts'
import { becoming, type Identity, member } from './cells.ts'
import {
  columnsOf,
  everything,
  type Grant,
  given,
  givenToMember,
  knownTargets,
  type Listener,
  maskOf,
  type Reading,
  seen,
  shows,
  views,
} from './oracle.ts'
import { crossing, targets, type World } from './world.ts'

export interface Probe {
  /** Relations and functions that it goes through. */
  through: string[]
  sql: string
  ought(grants: Grant[], world: World, who: string): unknown[]
}

type Row = Record<string, unknown>

export const visibleOf = (world: World, grants: Grant[], category?: string): Reading[] =>
  world.readings
    .filter((r) => category === undefined || r.category === category)
    .map((r) => seen(grants, r))
    .filter((r) => r !== null)

const newest = (readings: Reading[], n: number): Reading[] => {
  const count = new Map<string, number>()
  return readings.toReversed().filter((r) => {
    const key = `${r.category} ${r.target}`
    count.set(key, (count.get(key) ?? 0) + 1)
    return (count.get(key) ?? 0) <= n
  })
}

/** Positions, for who may see both fields of one. */
export function placesOf(
  world: World,
  grants: Grant[],
): { target: string; category: string; lat: number; lon: number; ts: string }[] {
  const plain = [['lat'], ['lon']]
  // Of two ways to say it, a reading of a fleet has one.
  const ways = (r: Reading): string[][] | undefined =>
    ({
      sensor: [
        ['gps', 'lat'],
        ['gps', 'lon'],
      ],
      secret: plain,
      fleet:
        r.data.pos === undefined
          ? plain
          : [
              ['pos', 'lat'],
              ['pos', 'lon'],
            ],
    })[r.category]
  return world.readings.flatMap((r) => {
    const paths = ways(r)
    const mask = maskOf(grants, r)
    if (paths === undefined || mask === null || !paths.every((p) => shows(mask, p))) return []
    const [lat, lon] = paths.map((p) => p.reduce<unknown>((v, k) => (v as Row | undefined)?.[k], r.data)) as (
      | number
      | undefined
    )[]
    return lat === undefined || lon === undefined ? [] : [{ target: r.target, category: r.category, lat, lon, ts: r.ts }]
  })
}

export function measured(world: World, grants: Grant[], category: string, field: string): Reading[] {
  return visibleOf(world, grants, category).filter((r) => typeof r.data[field] === 'number')
}

const categories = ['fleet', 'log', 'secret', 'sensor']
const span = `'2000-01-01Z', now() + interval '1 day'`
const rounded = (n: number): number => Math.round(n * 1e6) / 1e6
const grouped = <T, R>(list: T[], key: (t: T) => string, make: (k: string, group: T[]) => R): R[] =>
  [...Map.groupBy(list, key)].sort(([a], [b]) => (a < b ? -1 : 1)).map(([k, g]) => make(k, g))

const lastFleets = (world: World, grants: Grant[]): unknown[] =>
  grouped(
    placesOf(world, grants).filter((p) => p.category === 'fleet'),
    (p) => p.target,
    (target, list) => {
      const last = list.reduce((a, b) => (a.ts > b.ts ? a : b))
      return [target, last.category, last.lat, last.lon]
    },
  )

export const probes: Record<string, Probe> = {
  ...Object.fromEntries(
    Object.keys(views).map((view): [string, Probe] => [
      view,
      {
        through: [
          `api.${view}`,
          'tmidb.ts_obs',
          'tmidb.target',
          'tmidb.rules',
          'tmidb.identity',
          'tmidb.cutoffs',
          'tmidb.compile_rules',
          'tmidb.is_in_group',
          'tmidb.age_prefix',
        ],
        sql: `select to_jsonb(v) - 'ts' - 'target_id' - 'reading_id' || jsonb_build_object('id', v.reading_id::text) as r from api.${view} v order by v.ts`,
        ought: (grants, world) =>
          visibleOf(world, grants, view.slice(0, -3)).map((r) => ({ id: r.id, target: r.target, ...columnsOf(view, r.data) })),
      },
    ]),
  ),
  target: {
    through: ['api.target', 'tmidb.target', 'tmidb.rules'],
    sql: 'select to_jsonb(key) as r from api.target order by key',
    ought: (grants) => knownTargets(grants, targets),
  },
  latest: {
    through: ['api.latest'],
    sql: `select to_jsonb(l) - 'ts' - 'reading_id' as r from api.latest(n => 2) l order by l.ts desc`,
    ought: (grants, world) =>
      newest(visibleOf(world, grants), 2).map(({ target, category, version, data }) => ({ target, category, version, data })),
  },
  ...Object.fromEntries(
    [
      ['sensor', 'temperature'],
      ['sensor', 'humidity'],
      ['secret', 'code'],
    ].map(([category = '', field = '']): [string, Probe] => [
      `series of ${field}`,
      {
        through: ['api.series_by_target', 'tmidb.series_rows', 'tmidb.series_filled'],
        sql: `select jsonb_build_array(target, sum(count)::int, round(sum(sum)::numeric, 6)) as r
          from api.series_by_target('${category}', '${field}', date_trunc('day', now(), 'UTC') - interval '5 days', now() + interval '1 day', '1 hour')
          group by target order by target`,
        ought: (grants, world) =>
          grouped(
            measured(world, grants, category, field),
            (r) => r.target,
            (target, list) => [target, list.length, rounded(list.reduce((sum, r) => sum + (r.data[field] as number), 0))],
          ),
      },
    ]),
  ),
  'geo within': {
    through: ['api.geo_within', 'tmidb.geo_rights', 'tmidb.geo_trace'],
    sql: `select jsonb_build_array(target, category, lat, lon) as r from api.geo_within(36, 129, 2000000, ${span}, n => 10000) order by ts`,
    ought: (grants, world) => placesOf(world, grants).map((p) => [p.target, p.category, p.lat, p.lon]),
  },
  'geo box': {
    through: ['api.geo_box', 'tmidb.geo_rights'],
    sql: `select jsonb_build_array(target, category, lat, lon) as r from api.geo_box(-90, -180, 90, 180, ${span}, n => 10000) order by ts`,
    ought: (grants, world) => placesOf(world, grants).map((p) => [p.target, p.category, p.lat, p.lon]),
  },
  'geo last': {
    through: ['api.geo_last', 'tmidb.geo_visible', 'tmidb.geo_rights'],
    sql: `select jsonb_build_array(target, category, lat, lon) as r from api.geo_last(category => 'fleet') order by target`,
    ought: (grants, world) => lastFleets(world, grants),
  },
  'geo track': {
    through: ['api.geo_track', 'tmidb.geo_visible'],
    sql: `select jsonb_build_array(k, p.lat, p.lon) as r from unnest(array['${targets.join("','")}']) k cross join lateral api.geo_track(k, ${span}, max_points => 10000) p order by k, p.ts`,
    ought: (grants, world) =>
      grouped(
        placesOf(world, grants),
        (p) => p.target,
        (target, list) => list.toSorted((a, b) => (a.ts < b.ts ? -1 : 1)).map((p) => [target, p.lat, p.lon]),
      ).flat(),
  },
  descriptions: {
    through: ['tmidb.visible_categories', 'tmidb.category_rights'],
    sql: `select jsonb_build_array(category, (select jsonb_agg(c order by c) from unnest(columns) c)) as r from tmidb.visible_categories() order by category`,
    ought: (grants) =>
      categories.flatMap((category) => {
        const of = grants.filter((g) => g.category === null || g.category === category)
        if (of.length === 0) return []
        if (of.some((g) => g.fields === null)) return [[category, null]]
        const mask = new Set(of.flatMap((g) => g.fields ?? []))
        const columns = Object.entries(views[`${category}_v1`] ?? {}).filter(([, [path]]) => shows(mask, path))
        return [[category, columns.length === 0 ? null : columns.map(([name]) => name).sort()]]
      }),
  },
  'schema changes': {
    through: ['tmidb.schema_changes', 'tmidb.category_rights', 'api.schema_changes', 'tmidb.visible_diff'],
    sql: `select distinct on (category) jsonb_build_array(category, first_seen is not null, last_seen is not null, example is not null) as r from api.schema_changes() order by category, example is null`,
    ought: (grants) =>
      categories
        .filter((category) => grants.some((g) => g.category === null || g.category === category))
        .map((category) => {
          const whole = grants.some(
            (g) =>
              (g.category ?? category) === category &&
              g.targets === null &&
              g.group === undefined &&
              g.hours === undefined &&
              g.fields === null,
          )
          return [category, whole, whole, whole]
        }),
  },
  'names in schema changes': {
    through: ['tmidb.schema_changes', 'tmidb.visible_diff'],
    sql: `select distinct jsonb_build_array(category, f->>'name') as r from api.schema_changes(), jsonb_each(diff) k, jsonb_array_elements(k.value) f order by 1`,
    ought: (grants) =>
      categories.flatMap((category) => {
        const of = grants.filter((g) => (g.category ?? category) === category)
        const mask = new Set(of.flatMap((g) => g.fields ?? ['*']))
        return Object.values(views[`${category}_v1`] ?? {})
          .filter(([path]) => shows(mask, path))
          .map(([path]) => [category, path.join('.')])
      }),
  },
  tokens: {
    through: ['api.token', 'tmidb.token', 'tmidb.account', 'tmidb.listener', 'tmidb.speaker'],
    sql: 'select to_jsonb(owner) as r from api.token order by owner',
    // Each listener has one, the speaker, and kim. Administrators see all.
    ought: (_, world, who) =>
      who === 'admin'
        ? [...Object.values(world.names), 'kim'].sort()
        : who === 'member'
          ? ['kim']
          : who in world.names
            ? [world.names[who as keyof World['names']]]
            : who.endsWith(' by psql')
              ? [world.names[who.slice(0, 3) as Listener]]
              : [],
  },
  may: {
    through: ['tmidb.may'],
    sql: `select jsonb_build_array(c, t) as r from unnest(array['${targets.join("','")}', 'nowhere']) t, unnest(array['fleet', 'log', 'secret', 'sensor']) c
      where tmidb.may('read', c, t) order by c, t`,
    ought: (grants) =>
      categories.flatMap((category) =>
        [...targets, 'nowhere']
          .toSorted()
          .filter((target) => maskOf(grants, { category, target, ts: new Date().toISOString() }) !== null)
          .map((target) => [category, target]),
      ),
  },
  'geo nearest': {
    through: ['api.geo_nearest'],
    sql: `select jsonb_build_array(target, category, lat, lon) as r from api.geo_nearest(36, 129, n => 1000, max_age => null, category => 'fleet') order by target`,
    ought: (grants, world) => lastFleets(world, grants),
  },
  'geo near target': {
    through: ['api.geo_near_target', 'tmidb.geo_at'],
    sql: `select jsonb_build_array(k, target) as r from unnest(array['${targets.join("','")}']) k
      cross join lateral api.geo_near_target(k, 20000000, now() - ${crossing} * interval '1 minute', interval '20 minutes') order by 1`,
    // Near is, within half the world, whoever has a place about that moment; both ends of the way must be seen.
    ought: (grants, world) => {
      const about = placesOf(world, grants).filter(
        (p) => Math.abs(Date.now() - crossing * 60_000 - Date.parse(p.ts)) < 20 * 60_000,
      )
      const there = [...new Set(about.map((p) => p.target))].sort()
      return there.flatMap((a) => there.filter((b) => b !== a).map((b) => [a, b]))
    },
  },
}

/** What a process reads for a class: live events since the beginning, and what stands. */
export const classProbes: Record<
  string,
  { through: string; sql: (classId: string) => string; ought(grants: Grant[], world: World): unknown[] }
> = {
  fanout: {
    through: 'tmidb.fanout',
    sql: (
      id,
    ) => `select ('{' || tail)::jsonb as r from tmidb.fanout(array_fill(0::bigint, array[8]), tmidb.live_heads(), array[${id}], '-infinity', 'infinity')
      order by ('{' || tail)::jsonb->>'ts'`,
    ought: (grants, world) =>
      visibleOf(world, grants).map(({ category, version, target, ts, data }) => ({ category, version, target, ts, data })),
  },
  last_values: {
    through: 'tmidb.last_values',
    sql: (id) => `select ('{' || tail)::jsonb as r from tmidb.last_values(${id}) order by ('{' || tail)::jsonb->>'ts' desc`,
    ought: (grants, world) =>
      newest(visibleOf(world, grants), 1).map(({ category, version, target, ts, data }) => ({
        category,
        version,
        target,
        ts,
        data,
      })),
  },
}

/** Who reads, and what that one was given. */
export function readersOf(world: World): { who: Identity; grants: Grant[]; listener: Listener | null }[] {
  const asks = (listener: Listener): Identity => ({
    name: listener,
    login: 'tmidb_api',
    role: 'tmidb_listener',
    claims: { role: 'tmidb_listener', listener_id: world.ids[listener] },
  })
  const role = (name: string): Identity => ({
    name,
    login: 'tmidb_api',
    role: `tmidb_${name}`,
    claims: { role: `tmidb_${name}` },
  })
  // Whoever can run SQL can set a claim: it must not help.
  const psql = (name: string, login: string): Identity => ({
    name,
    login,
    role: login,
    claims: { role: 'tmidb_admin', name: 'admin' },
  })
  return [
    ...(Object.keys(given) as Listener[]).map((l) => ({ who: asks(l), grants: given[l] as Grant[], listener: l })),
    { who: member(world), grants: givenToMember, listener: null },
    ...['viewer', 'editor', 'admin'].map((r) => ({ who: role(r), grants: everything, listener: null })),
    { who: psql('ann by psql', world.logins.ann), grants: given.ann, listener: null },
    { who: psql('ben by psql', world.logins.ben), grants: given.ben, listener: null },
  ]
}

const sorted = (v: unknown): unknown =>
  v !== null && typeof v === 'object' && !Array.isArray(v)
    ? Object.fromEntries(
        Object.entries(v)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([k, x]) => [k, sorted(x)]),
      )
    : Array.isArray(v)
      ? v.map(sorted)
      : v
export const canonical = (rows: unknown[]): string[] => rows.map((r) => JSON.stringify(sorted(r)))

export function difference(got: string[], ought: string[]): { extra: string[]; missing: string[] } {
  const rest = new Map<string, number>()
  for (const row of ought) rest.set(row, (rest.get(row) ?? 0) + 1)
  const extra = got.filter((row) => {
    const n = rest.get(row) ?? 0
    rest.set(row, n - 1)
    return n <= 0
  })
  return { extra, missing: [...rest].flatMap(([row, n]) => Array<string>(Math.max(n, 0)).fill(row)) }
}

/** Asks all probes that go through one of these (null: all probes) as every reader; what is not as the grants say, up to so many. */
export async function surprisingRows(
  client: Client,
  world: World,
  through: string[] | null,
  most = Number.POSITIVE_INFINITY,
): Promise<string[]> {
  const surprises: string[] = []
  const asked = async (label: string, who: Identity, sql: string, ought: unknown[]) => {
    if (surprises.length >= most) return
    let got: string[]
    try {
      const results = (await client.query(
        `savepoint probe; ${becoming(who)}; ${sql}; rollback to probe; release probe`,
      )) as unknown as {
        rows: { r: unknown }[]
        fields: { name: string }[]
      }[]
      got = canonical(results.find((r) => r.fields?.[0]?.name === 'r')?.rows.map((row) => row.r) ?? [])
    } catch (e) {
      got = [`error: ${(e as Error).message}`]
      await client.query('rollback to probe; release probe')
    }
    const { extra, missing } = difference(got, canonical(ought))
    if (extra.length + missing.length > 0)
      surprises.push(`${who.name}: ${label}: ${extra.length} extra, ${missing.length} missing: ${extra[0] ?? missing[0]}`)
  }
  const whos = readersOf(world)
  for (const [label, probe] of Object.entries(probes)) {
    if (through !== null && !probe.through.some((t) => through.includes(t))) continue
    for (const { who, grants } of whos) await asked(label, who, probe.sql, probe.ought(grants, world, who.name))
  }
  const process: Identity = { name: 'api process', login: 'tmidb_api', role: 'tmidb_api', claims: null }
  for (const [label, probe] of Object.entries(classProbes)) {
    if (through !== null && !through.includes(probe.through)) continue
    for (const { grants, listener } of whos) {
      if (listener === null) continue
      const classId = `tmidb.class_of('{"role": "tmidb_listener", "listener_id": "${world.ids[listener]}"}')`
      await asked(`${label} of ${listener}`, process, probe.sql(classId), probe.ought(grants, world))
    }
  }
  return surprises
}

/** One row in each table that has none, so that who may read it has something to find. The transaction is
 * taken back: triggers, foreign keys and checks look away. */
export async function fillTables(client: Client): Promise<void> {
  await client.query(`set local session_replication_role = replica;
    do $$
    declare
      t regclass;
      v_columns text;
      v_values text;
      v_found boolean;
    begin
      for t in select c.oid from pg_class c where c.relnamespace = 'tmidb'::regnamespace and c.relkind in ('r', 'p') loop
        execute format('select exists (select from %s)', t) into v_found;
        continue when v_found;
        select string_agg(quote_ident(a.attname), ', '), string_agg(format('%L::%s', case when y.typcategory = 'A' then '{}' when y.typname in ('json', 'jsonb') then '{}' when y.typname = 'bytea' then ''
            when y.typcategory = 'N' then '1' when y.typcategory = 'D' then '2026-01-01Z' when y.typcategory = 'T' then '1 hour' when y.typcategory = 'B' then 'true'
            when y.typname = 'uuid' then gen_random_uuid()::text else 'x' end, format_type(a.atttypid, a.atttypmod)), ', ')
        into v_columns, v_values
        from pg_attribute a join pg_type y on y.oid = a.atttypid
        where a.attrelid = t and a.attnum > 0 and not a.attisdropped and a.attnotnull and not a.atthasdef and a.attidentity = '';
        execute coalesce((select format('alter table %s %s', t, string_agg(format('drop constraint %I', conname), ', '))
          from pg_constraint where conrelid = t and contype = 'c' having count(*) > 0), 'select');
        execute format('insert into %s (%s) values (%s)', t, v_columns, v_values);
      end loop;
    end $$;
    set local session_replication_role = origin`)
}
