// SPDX-License-Identifier: MIT
// An honest client alone, and beside ten attackers who send what test/lib/attacks.ts holds as fast as it is refused: seven by HTTP
// (GraphQL and REST), three by sockets. Each document is sent with another comment, so that none is remembered. The attackers run
// on the same two cores: the part that is theirs is in the figure too.
import { Agent, request } from 'node:http'
import { WebSocket } from 'ws'
import { type GraphqlAttack, graphqlAttacks, restAttacks } from '../test/lib/attacks.ts'
import type { Bench } from './bench.ts'
import type { Loaded } from './load.ts'

const socketAttacks = graphqlAttacks.filter((a) => a.only !== 'http')

interface Tally {
  refused: number
  /** Answers that are no refusal, by what they were. */
  other: Map<string, number>
}

export async function attacks({ connection, query, seconds, note, perSecond, run }: Bench): Promise<void> {
  await run({ kind: 'http', seconds: 1, connections: 4, batch: 1000, targets: 100 })
  const [{ token: blind } = { token: '' }] = await query<{ token: string }>(`select tmidb.create_listener('attacker') as token`)
  await query(`select tmidb.subscribe('attacker', null)`)
  const { host, hostname, port } = new URL(connection.http)
  const knowing = connection.listener.token
  const document =
    'query($t:String!){sensorV1(target:$t,first:20,orderBy:TS_DESC){nodes{target ts temperature humidity pressure voltage status n}}}'
  const requests = Array.from({ length: 100 }, (_, i) => {
    const body = JSON.stringify({ query: document, variables: { t: `device-${i}` } })
    return `POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${knowing}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
  })
  const honest = async (): Promise<Loaded> => await run({ kind: 'get', connections: 4, rate: 100, requests })
  await honest()
  let alone = await honest()

  for (const pause of [100, 0]) {
    const over = new AbortController()
    const tally: Tally = { refused: 0, other: new Map() }
    const agent = new Agent({ keepAlive: true, maxSockets: 10 })
    const tokenOf = (a: GraphqlAttack): string => (a.blind ? blind : knowing)
    const rest = async () => await Promise.resolve(pause && new Promise((r) => setTimeout(r, pause * 2 * Math.random())))
    const attackers = Array.from({ length: 10 }, async (_, who) => {
      for (let n = who * 7; !over.signal.aborted; n++) {
        await rest()
        if (who < 3) await bySocket(n)
        else if (n % 3 === 0) await byRest(n)
        else await byHttp(n)
      }
    })
    const of = <T>(list: readonly T[], n: number): T => list[n % list.length] as T
    const count = (name: string, isRefused: boolean, what: string): void => {
      if (isRefused) tally.refused++
      else tally.other.set(`${name}: ${what}`, (tally.other.get(`${name}: ${what}`) ?? 0) + 1)
    }
    const byHttp = async (n: number): Promise<void> => {
      const attack = of(graphqlAttacks, n)
      const headers = { 'content-type': 'application/json', authorization: `Bearer ${tokenOf(attack)}` }
      const status = await send('/graphql', 'POST', headers, fresh(attack.body, n))
      count(attack.name, status >= 400 && status < 500, String(status))
    }
    const byRest = async (n: number): Promise<void> => {
      const { name, path, method = 'GET', headers = {}, body } = of(restAttacks, n)
      const status = await send(
        path,
        method === 'TRACE-ME' ? 'TRACE' : method,
        { ...headers, authorization: `Bearer ${knowing}` },
        body,
      )
      count(name, status >= 400 && status < 500, String(status))
    }
    const send = (path: string, method: string, headers: Record<string, string>, body?: string): Promise<number> =>
      new Promise((resolve) => {
        const req = request({ agent, hostname, port, path, method, headers }, (res) => {
          res.resume()
          res.on('end', () => resolve(res.statusCode ?? 0))
        })
        // A body that is too large may be cut off before all of it was sent.
        req.on('error', () => resolve(body && body.length > 100_000 ? 413 : 0))
        req.end(body)
      })
    const bySocket = async (n: number): Promise<void> => {
      const ws = new WebSocket(`ws://${host}/graphql`, 'graphql-transport-ws')
      const left = Array.from({ length: 20 }, (_, i) => of(socketAttacks, n + i))
      let attack: GraphqlAttack | undefined
      const next = (): void => {
        attack = left.pop()
        if (attack === undefined || over.signal.aborted) ws.close()
        else ws.send(`{"id":"${left.length}","type":"subscribe","payload":${fresh(attack.body, n)}}`)
      }
      ws.on('open', () => ws.send(`{"type":"connection_init","payload":{"authorization":"Bearer ${blind}"}}`))
      ws.on('message', (data) => {
        const text = String(data)
        if (text.includes('"type":"complete"')) return
        if (attack) count(attack.name, text.includes('"code":"'), text.slice(0, 80))
        void rest().then(next)
      })
      ws.on('error', () => {})
      await new Promise<void>((resolve) =>
        ws.on('close', (code) => {
          if (code === 4400) tally.refused++
          resolve()
        }),
      )
    }
    const under = await honest()
    over.abort()
    await Promise.all(attackers)
    agent.destroy()
    // Before and after, as the machine may have other things to do.
    const before = alone
    alone = await honest()
    const [p50, p99] = [(before.p50 + alone.p50) / 2, (before.p99 + alone.p99) / 2]
    const others = [...tally.other].map(([what, n]) => `${n} × ${what}`)
    note(
      pause ? `GraphQL of 100/s beside 10 attackers, 10 a second each` : `GraphQL of 100/s beside 10 attackers without a pause`,
      `p50 ${under.p50} p99 ${under.p99} ms`,
      `alone p50 ${p50.toFixed(2)} p99 ${p99.toFixed(2)} ms: p99 ${(under.p99 / p99).toFixed(1)} of it${under.failed ? `, ${under.failed} failed` : ''}`,
    )
    note(
      '  refused meanwhile',
      perSecond(tally.refused, seconds),
      others.length ? `not refused: ${others.slice(0, 5).join(', ')}` : 'each with 4xx',
    )
  }
}

/** The same document, never seen before. */
function fresh(body: string, n: number): string {
  return body.replace(/^\{"query":"/, `{"query":"#${n} ${Math.random()}\\n`)
}
