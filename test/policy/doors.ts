// SPDX-License-Identifier: MIT
// Every door, and how a random question is put to it: each gives what came back and what the grants say should have.
import assert from 'node:assert/strict'
import { createClient } from 'graphql-ws'
import pg from 'pg'
import WebSocket from 'ws'
import { withLogin } from '../../src/db/superuser.ts'
import { encodeCursor } from '../../src/live/cursor.ts'
import { reader } from '../../src/live/read.ts'
import {
  everything,
  type Grant,
  given,
  givenToMember,
  type Listener,
  maskOf,
  type Reading,
  shows,
  valueAt,
  views,
} from './oracle.ts'
import { answerTo, asGraphql, asRest, asSql, type Chance, camel, type Question, question, type Row } from './questions.ts'
import { placesOf, visibleOf } from './rows.ts'
import type { ServedWorld } from './served.ts'
import { loginPassword, targets, type World } from './world.ts'

export interface Asker {
  name: string
  token: string
  grants: Grant[]
  listener: Listener | null
}

export interface Asked {
  question: string
  got: unknown
  ought: unknown
}

/** Share: how many of a hundred questions go there. */
export type Doors = Record<string, { share: number; ask(c: Chance, who: Asker): Promise<Asked> }>

export function askers({ tokens }: World): Asker[] {
  return [
    ...(Object.keys(given) as Listener[]).map((l) => ({ name: l, token: tokens[l], grants: given[l] as Grant[], listener: l })),
    { name: 'member', token: tokens.member, grants: givenToMember, listener: null },
    { name: 'viewer', token: tokens.viewer, grants: everything, listener: null },
  ]
}

const mayKnow = (grants: Grant[], category: string): boolean => grants.some((g) => (g.category ?? category) === category)
/** GraphQL knows for somebody bound by rules only the columns that may be seen of some target; others are as if they were not there. */
const mayName = (grants: Grant[], q: Question, used: string[]): boolean => {
  const of = grants.filter((g) => (g.category ?? q.category) === q.category)
  const mask = new Set(of.flatMap((g) => g.fields ?? ['*']))
  const paths = used.flatMap((name) => (views[q.view]?.[name] === undefined ? [] : [views[q.view]?.[name]?.[0] as string[]]))
  return of.length > 0 && paths.every((path) => shows(mask, path))
}
const asText = (v: unknown): string => JSON.stringify(v)
const inOrder = (rows: unknown[]): string[] => rows.map(asText).sort()

export function openDoors(served: ServedWorld): Doors & AsyncDisposable {
  const { world, http, ws, access, pool } = served
  const read = reader(pool)
  const psql = new Map<string, pg.Pool>()
  for (const login of ['ann', 'ben'] as const)
    psql.set(login, new pg.Pool({ connectionString: withLogin(world.db.superUrl, world.logins[login], loginPassword), max: 1 }))

  const get = async (path: string, who: Asker, headers: Record<string, string> = {}) => {
    const res = await fetch(`${http}${path}`, { headers: { authorization: who.token, ...headers } })
    return { res, text: await res.text() }
  }
  /** The rows of a function that is called by its name. */
  const call = async (
    name: string,
    args: Record<string, string | number | undefined>,
    who: Asker,
  ): Promise<Record<string, unknown>[]> => {
    const search = new URLSearchParams(
      Object.entries(args).flatMap(([k, v]): [string, string][] => (v === undefined ? [] : [[k, String(v)]])),
    )
    const { res, text } = await get(`/api/rpc/${name}?${search}&limit=1000`, who)
    assert.ok(res.ok, `${name} ${search}: ${res.status} ${text}`)
    return JSON.parse(text) as Record<string, unknown>[]
  }

  /** A random place in the stream: what each shard had reached by then, and what comes behind. */
  const since = (c: Chance, who: Asker, category: string | null, of: string[] | null) => {
    const heads = Array<number>(8).fill(0)
    for (const r of world.readings) {
      const id = BigInt(r.id)
      const [shard, position] = [Number(id >> 50n), Number(id & ((1n << 50n) - 1n))]
      // Some shards from the start, others from the middle.
      if (shard % 2 === 0 || c.next() < 0.3) heads[shard] = Math.max(heads[shard] as number, Math.floor(position * 0.7))
    }
    const behind = visibleOf(world, who.grants).filter((r) => {
      const id = BigInt(r.id)
      return (
        Number(id & ((1n << 50n) - 1n)) > (heads[Number(id >> 50n)] as number) &&
        (category === null || r.category === category) &&
        (of === null || of.includes(r.target))
      )
    })
    return { cursor: encodeCursor(heads), behind }
  }
  const pairOf = (c: Chance) => ({
    category: c.pick([null, 'sensor', 'log', 'secret', 'fleet', 'nothing']),
    of: c.next() < 0.5 ? null : c.some([...targets, 'nowhere'], 4),
  })
  const event = ({ category, version, target, ts, data }: Reading) => ({ category, version, target, ts, data })

  const doors: Doors = {
    REST: {
      share: 24,
      async ask(c, who) {
        const q = question(c, world)
        const path = `/api/v${q.major}/${q.category}?${asRest(q)}`
        const { res, text } = await get(path, who, { prefer: 'count=exact' })
        if (!mayKnow(who.grants, q.category)) return { question: path, got: res.status, ought: 404 }
        const { total, rows } = answerTo(q, who.grants, world)
        if (res.status === 416)
          return { question: path, got: [416, 0], ought: [q.offset > 0 && q.offset >= total ? 416 : 200, 0] }
        assert.ok(res.ok, `${path}: ${res.status} ${text}`)
        const counted = Number(res.headers.get('content-range')?.split('/')[1])
        return { question: path, got: [counted, JSON.parse(text)], ought: [total, rows] }
      },
    },
    CSV: {
      share: 6,
      async ask(c, who) {
        const q = question(c, world)
        const path = `/api/v${q.major}/${q.category}?${asRest(q)}`
        const { res, text } = await get(path, who, { accept: 'text/csv' })
        if (!mayKnow(who.grants, q.category)) return { question: path, got: res.status, ought: 404 }
        const { rows } = answerTo(q, who.grants, world)
        const [head = '', ...lines] = text.split('\n').filter((line) => line !== '')
        return {
          question: path,
          got: [head, ...lines],
          ought: [
            ['target', 'ts', ...q.columns].join(','),
            ...rows.map((row) =>
              Object.values(row)
                .map((v) => v ?? '')
                .join(','),
            ),
          ],
        }
      },
    },
    embedding: {
      share: 5,
      async ask(c, who) {
        const q = { ...question(c, world), offset: 0 }
        const inner = asRest(q, ['filters'])
        const filters = new URLSearchParams(inner)
        filters.delete('select')
        const search = new URLSearchParams([...filters].map(([k, v]): [string, string] => [`${q.category}.${k}`, v]))
        search.set(`${q.category}.order`, q.newestFirst ? 'ts.desc' : 'ts.asc')
        search.set('order', 'key')
        search.set('select', `key,${q.category}(${['target', 'ts', ...q.columns].join(',')})`)
        const path = `/api/target?${search}`
        const { res, text } = await get(path, who, { 'accept-profile': `v${q.major}` })
        if (!mayKnow(who.grants, q.category)) return { question: path, got: res.status, ought: 400 }
        assert.ok(res.ok, `${path}: ${res.status} ${text}`)
        const { rows } = answerTo({ ...q, limit: 1000 }, who.grants, world)
        const known = targets.filter((key) =>
          who.grants.some((g) => maskOf([{ ...g, category: null }], { category: '', target: key, ts: new Date().toISOString() })),
        )
        return {
          question: path,
          got: JSON.parse(text),
          ought: known.map((key) => ({ key, [q.category]: rows.filter((r) => r.target === key) })),
        }
      },
    },
    'address of a listener': {
      share: 7,
      async ask(c, who) {
        if (who.listener === null) return doors.REST?.ask(c, who) as Promise<Asked>
        const name = `${who.listener}_${process.pid}`
        if (c.next() < 0.3) {
          const { text } = await get(`/api/${name}`, who)
          const { categories, latest } = JSON.parse(text) as {
            categories: { category: string }[]
            latest: { category: string; target: string; ts: string }[]
          }
          const newest = new Map<string, string>()
          for (const r of visibleOf(world, who.grants)) newest.set(`${r.category} ${r.target}`, r.ts)
          return {
            question: `/api/${name}`,
            got: [categories.map((x) => x.category).sort(), latest.map((r) => `${r.category} ${r.target} ${r.ts}`).sort()],
            ought: [
              ['fleet', 'log', 'secret', 'sensor'].filter((x) => mayKnow(who.grants, x)),
              [...newest].map(([k, ts]) => `${k} ${ts}`).sort(),
            ],
          }
        }
        const asked = question(c, world)
        const q = asked.view === 'sensor_v1' ? { ...asked, view: 'sensor_v2', filters: [] } : asked
        const path = `/api/${name}/${q.category}?${asRest(q)}`
        const { res, text } = await get(path, who)
        if (!mayKnow(who.grants, q.category)) return { question: path, got: res.status, ought: 404 }
        assert.ok(res.ok, `${path}: ${res.status} ${text}`)
        return { question: path, got: JSON.parse(text), ought: answerTo(q, who.grants, world).rows }
      },
    },
    GraphQL: {
      share: 18,
      async ask(c, who) {
        const q = question(c, world)
        const query = asGraphql(q)
        const res = await fetch(`${http}/graphql`, {
          method: 'POST',
          headers: { authorization: who.token, 'content-type': 'application/json' },
          body: JSON.stringify({ query }),
        })
        const { data, errors } = (await res.json()) as {
          data?: Record<string, { totalCount: number; nodes: Row[] }>
          errors?: unknown
        }
        if (!mayName(who.grants, q, [...q.columns, ...q.filters.map((f) => f.column)]))
          return {
            question: query,
            got: data === undefined && /Cannot query field|is not defined/.test(asText(errors)),
            ought: true,
          }
        assert.equal(errors, undefined, `${query}: ${asText(errors)}`)
        const { total, rows } = answerTo(q, who.grants, world)
        const { totalCount, nodes } = Object.values(data ?? {})[0] as { totalCount: number; nodes: Row[] }
        const named = rows.map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [camel(k), v])))
        return { question: query, got: [totalCount, nodes], ought: [total, named] }
      },
    },
    WebSocket: {
      share: 5,
      async ask(c, who) {
        const { category, of } = pairOf(c)
        const { cursor, behind } = since(c, who, category, of)
        const socket = new WebSocket(`${ws}/tmi/ws`, { headers: { authorization: who.token } })
        const got: unknown[] = []
        await new Promise<void>((resolve, reject) => {
          // Some time more than the last that is due: what is too much would come with it.
          let quiet: NodeJS.Timeout | undefined
          const enough = () => {
            clearTimeout(quiet)
            quiet = setTimeout(resolve, got.length >= behind.length ? 40 : 5000)
          }
          socket.on('open', () => socket.send(JSON.stringify({ type: 'subscribe', since: cursor, category, targets: of })))
          socket.on('message', (text) => {
            const { type, cursor: _, ...rest } = JSON.parse(String(text)) as { type: string; cursor: string }
            if (type === 'event') got.push(rest)
            else if (type !== 'ready') reject(new Error(String(text)))
            enough()
          })
          socket.on('error', reject)
        })
        socket.terminate()
        return { question: `since ${cursor} ${category} ${of}`, got: inOrder(got), ought: inOrder(behind.map(event)) }
      },
    },
    subscription: {
      share: 3,
      async ask(c, who) {
        const q = question(c, world)
        const { of } = pairOf(c)
        const { cursor, behind } = since(c, who, q.category, of)
        const field = asGraphql(q).slice(2).split('(')[0]
        const query = `subscription { ${field}(since: "${cursor}"${of === null ? '' : `, targets: ${asText(of)}`}) { target ts ${q.columns.map(camel).join(' ')} } }`
        const got: unknown[] = []
        const isKnown = mayName(who.grants, q, q.columns)
        let refused = false
        await new Promise<void>((resolve, reject) => {
          let quiet: NodeJS.Timeout | undefined
          const over = (why?: unknown) => {
            clearTimeout(quiet)
            refused = why !== undefined
            if (refused && isKnown) reject(new Error(asText(why)))
            else resolve()
            void client.dispose()
          }
          // Some time more than the last that is due, once there is a connection; a refusal is waited for.
          const enough = () => {
            clearTimeout(quiet)
            quiet = setTimeout(over, isKnown && got.length >= behind.length ? 150 : 5000)
          }
          const client = createClient({
            url: `${ws}/graphql`,
            webSocketImpl: WebSocket,
            retryAttempts: 0,
            connectionParams: { authorization: who.token },
            on: { connected: enough },
          })
          client.subscribe(
            { query },
            {
              next: ({ data, errors }) => {
                if (errors) return over(errors)
                got.push(data?.[field as string])
                enough()
              },
              error: over,
              complete: () => {},
            },
          )
        })
        if (!isKnown) return { question: query, got: refused && got.length === 0, ought: true }
        const { rows } = answerTo({ ...q, filters: [], limit: 1000, offset: 0 }, who.grants, world)
        const due = new Set(behind.map((r) => r.ts))
        const named = rows
          .filter((r) => due.has(r.ts as string))
          .map((row) => Object.fromEntries(Object.entries(row).map(([k, v]) => [camel(k), v])))
        return { question: query, got: inOrder(got), ought: inOrder(named) }
      },
    },
    'last values (MQTT)': {
      share: 5,
      async ask(c, who) {
        const { category, of } = pairOf(c)
        const identity = await access.identify({ authorization: who.token })
        const { values } = await read.lastValues(await read.classOf(identity), category, of)
        const newest = new Map<string, Reading>()
        for (const r of visibleOf(world, who.grants)) {
          if ((category === null || r.category === category) && (of === null || of.includes(r.target)))
            newest.set(`${r.category} ${r.target}`, r)
        }
        return {
          question: `last values ${category} ${of}`,
          got: inOrder(values.map((v) => JSON.parse(`{${v.tail}`))),
          ought: inOrder([...newest.values()].map(event)),
        }
      },
    },
    latest: {
      share: 6,
      async ask(c, who) {
        const category = c.pick([undefined, 'sensor', 'log', 'secret', 'fleet', 'nothing'])
        const target = c.next() < 0.4 ? undefined : c.pick([...targets, 'nowhere'])
        const n = c.pick([1, 2, 5])
        const rows = await call('latest', { category, target, n }, who)
        const left = new Map<string, number>()
        const ought = visibleOf(world, who.grants)
          .toReversed()
          .filter((r) => (category ?? r.category) === r.category && (target ?? r.target) === r.target)
          .filter((r) => {
            const key = `${r.category} ${r.target}`
            left.set(key, (left.get(key) ?? n) - 1)
            return (left.get(key) ?? 0) >= 0
          })
        const own = (r: Record<string, unknown>) => ({
          category: r.category,
          version: r.version,
          target: r.target,
          ts: r.ts,
          data: r.data,
        })
        return {
          question: `latest ${category} ${target} ${n}`,
          got: inOrder(rows.map(own)),
          ought: inOrder(ought.map((r) => own(r as never))),
        }
      },
    },
    'roll-ups': {
      share: 8,
      async ask(c, who) {
        const [category, field] = c.pick([
          ['sensor', 'temperature'],
          ['sensor', 'humidity'],
          ['sensor', 'gps.lat'],
          ['secret', 'code'],
          ['fleet', 'pos.lon'],
          ['nothing', 'x'],
        ] as const)
        const hour = 3_600_000
        const start = Math.floor(Date.now() / hour) * hour
        const from = start - c.int(1, 50) * hour
        const to = Math.min(from + c.int(1, 50) * hour, start + hour)
        const width = c.pick([1, 6, 24])
        const of = c.next() < 0.4 ? null : c.some([...targets, 'nowhere'], 3)
        const args = {
          category,
          field,
          from_ts: new Date(from).toISOString(),
          to_ts: new Date(to).toISOString(),
          bucket: `PT${width}H`,
        }
        const rows =
          of?.length === 1
            ? (await call('series', { ...args, target: of[0] }, who)).map(
                (r): Record<string, unknown> => ({ target: of[0], ...r }),
              )
            : await call('series_by_target', { ...args, targets: of === null ? undefined : `{${of.join(',')}}` }, who)
        const path = field.split('.')
        const buckets = new Map<string, number[]>()
        for (const r of world.readings) {
          const at = Date.parse(r.ts)
          const mask = maskOf(who.grants, r)
          const value = valueAt(r.data, path)
          if (
            r.category !== category ||
            at < from ||
            at >= to ||
            mask === null ||
            !shows(mask, path) ||
            typeof value !== 'number'
          )
            continue
          if (of !== null && !of.includes(r.target)) continue
          const bucket = new Date(Math.floor(at / (width * hour)) * width * hour).toISOString().replace('.000Z', '.000000Z')
          const key = asText([r.target, bucket])
          buckets.set(key, [...(buckets.get(key) ?? []), value])
        }
        const near = (n: number) => Math.round(n * 1e6) / 1e6
        const ought = [...buckets].map(([key, v]) => [
          ...(JSON.parse(key) as string[]),
          v.length,
          ...[
            Math.min(...v),
            Math.max(...v),
            v.reduce((a, b) => a + b) / v.length,
            v.reduce((a, b) => a + b),
            v[0] as number,
            v.at(-1) as number,
          ].map(near),
        ])
        const got = rows.map((r) => [
          r.target,
          r.bucket_ts,
          Number(r.count),
          ...[r.min, r.max, r.avg, r.sum, r.first, r.last].map((x) => near(x as number)),
        ])
        return { question: asText({ ...args, of }), got: inOrder(got), ought: inOrder(ought) }
      },
    },
    geography: {
      share: 6,
      async ask(c, who) {
        const category = c.pick([undefined, 'sensor', 'secret', 'fleet'])
        const from = c.pick(world.readings).ts
        const to = new Date().toISOString()
        const places = placesOf(world, who.grants).filter((p) => (category ?? p.category) === p.category)
        const place = (p: object) => {
          const { target, category, lat, lon, ts } = p as (typeof places)[number]
          return { target, category, lat, lon, ts }
        }
        const kind = c.pick(['geo_box', 'geo_within', 'geo_last', 'geo_track'] as const)
        if (kind === 'geo_box') {
          const [south, west] = [35 + c.int(0, 20) / 20, 128 + c.int(0, 20) / 20]
          const box = { south, west, north: south + c.int(1, 20) / 20, east: west + c.int(1, 20) / 20 }
          const got = await call(kind, { ...box, category, from, to, n: 1000 }, who)
          const ought = places.filter(
            (p) => p.ts >= from && p.lat >= south && p.lat <= box.north && p.lon >= west && p.lon <= box.east,
          )
          return {
            question: asText({ kind, ...box, category, from }),
            got: inOrder(got.map(place)),
            ought: inOrder(ought.map(place)),
          }
        }
        if (kind === 'geo_within') {
          const got = await call(kind, { lat: 36, lon: 129, radius_m: 3_000_000, category, from, to, n: 1000 }, who)
          return {
            question: asText({ kind, category, from }),
            got: inOrder(got.map(place)),
            ought: inOrder(places.filter((p) => p.ts >= from).map(place)),
          }
        }
        if (kind === 'geo_last') {
          const of = c.some([...targets, 'nowhere'], 5)
          const got = await call(kind, { targets: `{${of.join(',')}}`, category }, who)
          const last = new Map<string, (typeof places)[number]>()
          for (const p of places) if (of.includes(p.target)) last.set(p.target, p)
          return {
            question: asText({ kind, category, of }),
            got: inOrder(got.map(place)),
            ought: inOrder([...last.values()].map(place)),
          }
        }
        const target = c.pick([...targets, 'nowhere'])
        const got = await call(kind, { target, category, from, to, max_points: 1000 }, who)
        return {
          question: asText({ kind, category, target, from }),
          got: inOrder(got),
          ought: inOrder(places.filter((p) => p.target === target && p.ts >= from).map(({ ts, lat, lon }) => ({ ts, lat, lon }))),
        }
      },
    },
    targets: {
      share: 2,
      async ask(c, who) {
        const of = c.some([...targets, 'nowhere'], 6)
        const { text } = await get(`/api/target?select=key&key=in.(${of.join(',')})`, who)
        const known = of.filter(
          (key) =>
            key !== 'nowhere' &&
            who.grants.some((g) =>
              maskOf([{ ...g, category: null }], { category: '', target: key, ts: new Date().toISOString() }),
            ),
        )
        return {
          question: `targets ${of}`,
          got: inOrder(JSON.parse(text) as unknown[]),
          ought: inOrder(known.map((key) => ({ key }))),
        }
      },
    },
    psql: {
      share: 5,
      async ask(c, _who) {
        const login = c.pick(['ann', 'ben'] as const)
        const q = question(c, world)
        const { rows } = await (psql.get(login) as pg.Pool).query<Row>(asSql(q))
        return { question: `${login}: ${asSql(q)}`, got: rows, ought: answerTo(q, given[login], world).rows }
      },
    },
  }
  return Object.assign(doors, {
    [Symbol.asyncDispose]: async () => {
      for (const p of psql.values()) await p.end()
    },
  })
}
