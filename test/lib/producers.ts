// SPDX-License-Identifier: MIT
// Devices that keep their own book: every reading is counted when it is sent and when it is acknowledged, sent again until it is, and
// the next one of a target waits for that. What the database holds at the end is compared with the books.
import mqtt from 'mqtt'
import { sleep } from '../../src/base/retry.ts'
import type { Connection } from '../../src/supervisor/connection.ts'

export interface Book {
  target: string
  attempted: number
  acknowledged: number
  retries: number
}

export interface Producers {
  books: Book[]
  /** Ends after the reading that is under way is acknowledged. */
  stop(): Promise<void>
}

/** perSecond readings a second from each producer, of one target each. */
export function startProducers(
  connection: Connection,
  options: { http: number; mqtt: number; perSecond: number; category: string },
): Producers {
  const books: Book[] = []
  const stopping = new AbortController()
  const running: Promise<void>[] = []
  for (let i = 0; i < options.http; i++) running.push(produce(`http-${i}`, httpSender(connection, options.category)))
  for (let i = 0; i < options.mqtt; i++) running.push(produce(`mqtt-${i}`, mqttSender(connection, options.category)))

  async function produce(target: string, sender: Sender): Promise<void> {
    const book: Book = { target, attempted: 0, acknowledged: 0, retries: 0 }
    books.push(book)
    const started = performance.now()
    while (!stopping.signal.aborted) {
      const n = ++book.attempted
      const body = JSON.stringify({ ts: new Date(Date.now()).toISOString(), n, value: n / 2 })
      for (let attempt = 0; !(await sender.send(target, body)); attempt++) {
        book.retries++
        await sleep(Math.min(50 * 2 ** attempt, 500))
      }
      book.acknowledged++
      const due = started + (n * 1000) / options.perSecond
      if (due > performance.now()) await sleep(due - performance.now())
    }
    await sender.end()
  }

  return {
    books,
    async stop() {
      stopping.abort()
      await Promise.all(running)
    },
  }
}

interface Sender {
  /** True when acknowledged. */
  send(target: string, body: string): Promise<boolean>
  end(): Promise<void>
}

function httpSender({ http, speaker }: Connection, category: string): Sender {
  return {
    async send(target, body) {
      try {
        const response = await fetch(`${http}/api/in/${category}/${target}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${speaker.token}`, 'content-type': 'application/json' },
          body,
          signal: AbortSignal.timeout(5000),
        })
        const answer = (await response.json()) as { accepted?: number }
        return response.status === 202 && answer.accepted === 1
      } catch {
        return false
      }
    },
    async end() {},
  }
}

function mqttSender({ mqtt: url, speaker }: Connection, category: string): Sender {
  let client: mqtt.MqttClient | null = null
  const connected = async (): Promise<mqtt.MqttClient> => {
    if (client?.connected) return client
    await client?.endAsync(true).catch(() => {})
    client = await mqtt.connectAsync(url, {
      protocolVersion: 4,
      username: 'device',
      password: speaker.token,
      reconnectPeriod: 0,
      connectTimeout: 3000,
    })
    client.on('error', () => {})
    return client
  }
  return {
    async send(target, body) {
      try {
        const c = await connected()
        await new Promise<void>((resolve, reject) => {
          const timer = setTimeout(() => reject(new Error('no PUBACK')), 5000)
          c.once('close', reject)
          c.publish(`tmi/in/${category}/${target}`, body, { qos: 1 }, (e) => {
            clearTimeout(timer)
            c.off('close', reject)
            if (e) reject(e)
            else resolve()
          })
        })
        return true
      } catch {
        await client?.endAsync(true).catch(() => {})
        client = null
        return false
      }
    },
    async end() {
      await client?.endAsync(true).catch(() => {})
    },
  }
}

export interface Findings {
  acknowledged: number
  stored: number
  lost: number
  phantom: number
  doubled: number
  misordered: number
}

/** Compares the books with what the database holds; query reads as an administrator. */
export async function compare(
  books: Book[],
  category: string,
  query: <T>(text: string, values?: unknown[]) => Promise<T[]>,
): Promise<Findings> {
  const rows = await query<{ target: string; n: number }>(
    `select t.key as target, (o.payload->>'n')::int as n from tmidb.ts_obs o join tmidb.target t using (target_id)
     join tmidb.category c using (category_id) where c.name = $1 order by o.position`,
    [category],
  )
  const findings: Findings = { acknowledged: 0, stored: rows.length, lost: 0, phantom: 0, doubled: 0, misordered: 0 }
  for (const book of books) {
    findings.acknowledged += book.acknowledged
    const seen = new Set<number>()
    let before = 0
    for (const { target, n } of rows) {
      if (target !== book.target) continue
      if (seen.has(n)) findings.doubled++
      else if (n < before) findings.misordered++
      seen.add(n)
      before = Math.max(before, n)
      if (n > book.attempted) findings.phantom++
    }
    for (let n = 1; n <= book.acknowledged; n++) if (!seen.has(n)) findings.lost++
  }
  return findings
}
