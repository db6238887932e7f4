// SPDX-License-Identifier: MIT
// The front door, twice: one reading a message by MQTT, fifty a request by HTTP. Both go on only after the acknowledgement.
import mqtt from 'mqtt'
import { sleep } from '../base/retry.ts'
import type { Reading } from './readings.ts'

export interface Pace {
  /** Readings a second. */
  rate: number
  signal: AbortSignal
  onSent: (count: number) => void
}

export async function sendByMqtt(url: string, token: string, category: string, readings: Reading[], pace: Pace): Promise<void> {
  // The client keeps what is not acknowledged and sends it again after a break.
  const client = mqtt.connect(url, { protocolVersion: 4, username: 'demo', password: token, reconnectPeriod: 1000 })
  client.on('error', () => {})
  const onAbort = () => void client.end(true)
  pace.signal.addEventListener('abort', onAbort, { once: true })
  try {
    const due = clock(pace.rate)
    for (const { target, ...rest } of readings) {
      await due(1, pace.signal)
      await Promise.race([
        client.publishAsync(`tmi/in/${category}/${target}`, JSON.stringify(rest), { qos: 1 }),
        aborted(pace.signal),
      ])
      pace.onSent(1)
    }
    await client.endAsync()
  } finally {
    pace.signal.removeEventListener('abort', onAbort)
    client.end(true)
  }
}

const batchSize = 50

export async function sendByHttp(base: string, token: string, category: string, readings: Reading[], pace: Pace): Promise<void> {
  const due = clock(pace.rate)
  for (let i = 0; i < readings.length; i += batchSize) {
    const batch = readings.slice(i, i + batchSize)
    await due(batch.length, pace.signal)
    await post(`${base}/api/in/${category}`, token, batch, pace.signal)
    pace.onSent(batch.length)
  }
}

async function post(url: string, token: string, batch: Reading[], signal: AbortSignal): Promise<void> {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  for (;;) {
    const response = await fetch(url, { method: 'POST', headers, body: JSON.stringify(batch), signal }).catch((e: unknown) => {
      if (signal.aborted) throw e
      return null
    })
    const body = await response?.text()
    if (response?.status === 202) {
      const { rejected } = JSON.parse(body ?? '{}') as { rejected: { code: string; message: string }[] }
      if (rejected.length > 0) throw new Error(`${rejected[0]?.code}: ${rejected[0]?.message}`)
      return
    }
    // Away or busy: nothing was taken.
    if (response && response.status !== 429 && response.status !== 503)
      throw new Error(`${url} answers ${response.status}: ${body}`)
    await sleep(1000, signal)
  }
}

/** Waits before each sending so long that the rate is kept; what a break held up is not made up for. */
function clock(rate: number): (count: number, signal: AbortSignal) => Promise<void> {
  let next = performance.now()
  return async (count, signal) => {
    const wait = next - performance.now()
    if (wait > 1) await sleep(wait, signal)
    next = Math.max(next, performance.now()) + (count * 1000) / rate
  }
}

async function aborted(signal: AbortSignal): Promise<never> {
  signal.throwIfAborted()
  return await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true }))
}
