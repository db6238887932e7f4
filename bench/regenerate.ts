// SPDX-License-Identifier: MIT
// How soon a change is in the API, and what it costs those who use it meanwhile: at 50 and at 200 categories of 12 fields, with 90 days
// of chunks, while 100 requests/s are answered and 20 subscriptions are open. Then 100 rebuilds, each with a subscription more.
import { readFileSync, rmSync, statSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createClient } from 'graphql-ws'
import WebSocket from 'ws'
import { sleep } from '../src/base/retry.ts'
import { adminQuery } from '../test/lib/admin.ts'
import type { Bench } from './bench.ts'

interface Probe {
  stallMs: number
  stallCpuMs: number
  heapMb: number
  rssMb: number
  cpuMs: number
}

/** What the probe of bench/loop-probe.ts is told by. */
export function probeEnv(file: string): Record<string, string> {
  return { NODE_OPTIONS: `--import ${import.meta.dirname}/loop-probe.ts`, TMIDB_BENCH_PROBE: file }
}

export async function regenerate(bench: Bench, probeFile: string): Promise<void> {
  const { query, connection, note, instance } = bench
  const token = connection.listener.token
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })
  const ask = (path: string, body?: object): Promise<{ status: number; text: string }> =>
    new Promise((resolve) => {
      const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
      const req = request(new URL(path, connection.http), { agent, method: body ? 'POST' : 'GET', headers }, (res) => {
        let text = ''
        res.setEncoding('utf8')
        res.on('data', (part: string) => (text += part))
        res.on('end', () => resolve({ status: res.statusCode ?? 0, text }))
      })
      req.on('error', (e) => resolve({ status: 0, text: e.message }))
      req.end(body && JSON.stringify(body))
    })
  const isAnswered = async (document: string) => {
    const { status, text } = await ask('/graphql', { query: document })
    return status === 200 && !text.includes('"errors"')
  }
  const probe = async (): Promise<Probe> => {
    rmSync(probeFile, { force: true })
    const pid = (await instance.units()).find((u) => u.name === 'api')?.pid
    if (pid) process.kill(pid, 'SIGUSR2')
    while (!(statSync(probeFile, { throwIfNoEntry: false })?.size ?? 0)) await sleep(20)
    await sleep(50)
    return JSON.parse(readFileSync(probeFile, 'utf8')) as Probe
  }
  const builds = async () => {
    const [row] = await query<{ n: number }>(
      `select (p->>'builds')::int as n from jsonb_array_elements(tmidb.api_status()) p where p->>'part' = 'graphql'`,
    )
    return row?.n ?? 0
  }
  /** Milliseconds until it is so; null after 10 s. */
  const until = async (begun: number, test: () => Promise<boolean>, everyMs = 20): Promise<number | null> => {
    for (;;) {
      if (await test()) return performance.now() - begun
      if (performance.now() - begun > 10_000) return null
      await sleep(everyMs)
    }
  }
  const ms = (n: number | null | undefined) => (n === null || n === undefined ? '-' : String(Math.round(n)))
  const summary = (times: (number | null)[]) => {
    const sorted = times.filter((t) => t !== null).sort((a, b) => a - b)
    return `${ms(sorted[Math.floor(sorted.length / 2)])} / ${sorted.length < times.length ? '-' : ms(sorted.at(-1))} ms`
  }

  const superuser = adminQuery(bench.superUrl)
  for (let day = 0; day < 90; day++) await superuser(`select tmidb.make_chunk(now() - $1::int * interval '1 day')`, [day])
  let made = 0
  let serial = 0
  for (const categories of [50, 200]) {
    const fields = Array.from({ length: 12 }, (_, i) => [`field_${i}`, [1.5, 'x', true][i % 3]])
    await query(`select tmidb.ingest('cat_' || n, 't', $1::jsonb) from generate_series($2::int, $3::int) n`, [
      JSON.stringify(Object.fromEntries(fields)),
      made,
      categories - 1,
    ])
    made = categories
    await until(performance.now(), () => isAnswered(`{ cat${made - 1}V1(first: 1) { nodes { field0 } } }`))
    await sleep(2000)

    let failed = 0
    let asked = 0
    let slowest = 0
    let closed = 0
    let isAsking = true
    const clients = Array.from({ length: 20 }, (_, i) => {
      const client = createClient({
        url: `${connection.http.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        retryAttempts: 0,
        connectionParams: { authorization: `Bearer ${token}` },
        on: { closed: () => closed++ },
      })
      const end = () => closed++
      client.subscribe({ query: `subscription { cat${i}V1 { field0 } }` }, { next() {}, error: end, complete: end })
      return client
    })
    const asking = Array.from({ length: 4 }, async (_, i) => {
      while (isAsking) {
        const begun = performance.now()
        const good =
          i % 2 === 0
            ? await isAnswered('{ cat1V1(first: 5) { nodes { ts field0 } } }')
            : (await ask('/api/v1/cat_1?limit=5')).status === 200
        if (!good) failed++
        asked++
        slowest = Math.max(slowest, performance.now() - begun)
        await sleep(40)
      }
    })
    await sleep(1000)
    await probe()
    const before = (await probe()).cpuMs
    const first = await builds()

    const times: Record<string, (number | null)[]> = {}
    const put = (what: string, t: number | null) => (times[what] ??= []).push(t)
    for (let round = 0; round < 3; round++) {
      const field = `added_${serial}`
      const graphqlName = `added${serial}`
      const category = `new_${serial++}`
      let begun = performance.now()
      await query(`select tmidb.ingest('cat_2', 't', $1::jsonb)`, [JSON.stringify({ field_0: 1, [field]: 2 })])
      const seen = await Promise.all([
        until(begun, () => isAnswered(`{ cat2V1(first: 1) { nodes { ${graphqlName} } } }`)),
        until(begun, async () => (await ask(`/api/v1/cat_2?select=${field}&limit=1`)).status === 200),
        until(begun, async () => (await ask('/api/openapi.json')).text.includes(field), 100),
      ])
      for (const [i, what] of ['GraphQL', 'REST', 'OpenAPI'].entries()) put(`a new field in ${what}`, seen[i] ?? null)
      begun = performance.now()
      await query(`select tmidb.ingest($1, 't', '{"x": 1}')`, [category])
      const both = await Promise.all([
        until(begun, () => isAnswered(`{ new${serial - 1}V1(first: 1) { nodes { x } } }`)),
        until(begun, async () => (await ask(`/api/v1/${category}?limit=1`)).status === 200),
      ])
      put('a new category in GraphQL', both[0])
      put('a new category in REST', both[1])
      const atFirst = await builds()
      begun = performance.now()
      await query(
        `create table app.bench_${serial} (id int primary key, name text); grant select on app.bench_${serial} to tmidb_listener`,
      )
      put('a table of a migration in GraphQL', await until(begun, async () => (await builds()) > atFirst))
      const later = await builds()
      begun = performance.now()
      await query(`comment on column app.bench_${serial}.name is 'What it is called.'`)
      put('a comment in GraphQL', await until(begun, async () => (await builds()) > later))
    }
    const { stallMs, stallCpuMs, cpuMs } = await probe()
    isAsking = false
    await Promise.all(asking)
    const wasClosed = closed
    for (const client of clients) await client.dispose()
    const count = (await builds()) - first
    for (const [what, t] of Object.entries(times)) note(`${categories} categories: ${what}, p50 / max`, summary(t))
    note(
      `${categories} categories: longest stall of the loop over ${count} rebuilds`,
      `${ms(stallMs)} ms`,
      `${ms(stallCpuMs)} ms of CPU; slowest request ${ms(slowest)} ms`,
    )
    note(`${categories} categories: failed requests, ended subscriptions or sockets`, `${failed} of ${asked}, ${wasClosed} of 20`)
    note(
      `${categories} categories: CPU of the api process meanwhile`,
      `${ms((cpuMs - before) / count)} ms`,
      'a rebuild, requests included',
    )
  }

  // A rebuild each, and a subscription that stays open each.
  const socket = createClient({
    url: `${connection.http.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    retryAttempts: 0,
    lazy: false,
    connectionParams: { authorization: `Bearer ${token}` },
  })
  let ended = 0
  const kept: string[] = []
  for (let n = 0; n <= 100; n++) {
    if ([1, 20, 60, 100].includes(n)) {
      const { heapMb, rssMb } = await probe()
      kept.push(`${n}: ${ms(heapMb)} (${ms(rssMb)})`)
    }
    const end = () => ended++
    socket.subscribe({ query: `subscription { cat${n}V1 { field0 } }` }, { next() {}, error: end, complete: end })
    const beforehand = await builds()
    await query(`comment on table app.bench_1 is 'number ${n}'`)
    await until(performance.now(), async () => (await builds()) > beforehand)
  }
  note('200 categories: heap (RSS) after rebuilds, MB', kept.join(', '), `each with one open subscription more; ${ended} ended`)
  await socket.dispose()
}
