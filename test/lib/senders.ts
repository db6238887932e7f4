// SPDX-License-Identifier: MIT
// The ways in, as a device sees them: send one message, say whether it was acknowledged. Trying again is the producer's.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import mqtt from 'mqtt'
import { WebSocket } from 'ws'
import { errorTable, isErrorCode } from '../../src/base/errors.ts'
import type { Connection } from '../../src/supervisor/connection.ts'

export type Way = 'http' | 'http-batch' | 'ws' | 'mqtt-1' | 'mqtt-1-kept' | 'mqtt-2' | 'mqtt-2-kept'

const wsIsThere = existsSync(join(import.meta.dirname, '..', '..', 'src', 'edge', 'ws-in.ts'))

/** All that this checkout has. */
export const everyWay: Way[] = [
  'http',
  'http-batch',
  ...(wsIsThere ? (['ws'] as const) : []),
  'mqtt-1',
  'mqtt-1-kept',
  'mqtt-2',
  'mqtt-2-kept',
]

export interface Reading {
  target: string
  ts: string
  n: number
  value: number
}

export interface Sender {
  /** True when all readings are acknowledged; false: nobody knows. Throws when they are refused, which is never right here. */
  send(readings: Reading[]): Promise<boolean>
  end(): Promise<void>
}

export class Refused extends Error {}

const patienceMs = 5000

export function openSender(way: Way, connection: Connection, category: string, name: string): Sender {
  if (way === 'http' || way === 'http-batch') return httpSender(connection, category, way === 'http-batch')
  if (way === 'ws') return wsSender(connection, category)
  const qos = way.startsWith('mqtt-2') ? 2 : 1
  return way.endsWith('kept') ? keptSender(connection, category, qos, name) : mqttSender(connection, category, qos)
}

const bodyOf = ({ target: _, ...rest }: Reading): string => JSON.stringify(rest)

function httpSender({ http, speaker }: Connection, category: string, batch: boolean): Sender {
  return {
    async send(readings) {
      const [first] = readings as [Reading]
      // Every other reading says who it is; the rest is known by what it holds.
      const key: Record<string, string> = !batch && first.n % 2 === 0 ? { 'idempotency-key': `${first.target} ${first.n}` } : {}
      let response: Response
      let text: string
      try {
        response = await fetch(`${http}/api/in/${category}${batch ? '' : `/${first.target}`}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${speaker.token}`, 'content-type': 'application/json', ...key },
          body: batch ? JSON.stringify(readings) : bodyOf(first),
          signal: AbortSignal.timeout(patienceMs),
        })
        text = await response.text()
      } catch {
        return false
      }
      if (response.status === 429 || response.status >= 500) return false
      const answer = JSON.parse(text) as { accepted?: number }
      if (response.status === 202 && answer.accepted === readings.length) return true
      throw new Refused(`${response.status} ${text}`)
    },
    async end() {},
  }
}

/** A socket a target: /ws/in/{category}/{target}, one message is one HTTP body, answers name the message by its mid. */
function wsSender({ http, speaker }: Connection, category: string): Sender {
  const sockets = new Map<string, WebSocket>()
  const opened = async (target: string): Promise<WebSocket> => {
    const known = sockets.get(target)
    if (known?.readyState === WebSocket.OPEN) return known
    known?.terminate()
    const socket = new WebSocket(`${http.replace(/^http/, 'ws')}/ws/in/${category}/${target}`, {
      headers: { authorization: `Bearer ${speaker.token}` },
      handshakeTimeout: 3000,
    })
    sockets.set(target, socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('open', resolve)
      socket.on('error', reject)
    })
    return socket
  }
  return {
    async send(readings) {
      const [reading] = readings as [Reading]
      const mid = `${reading.target} ${reading.n}`
      let socket: WebSocket
      try {
        socket = await opened(reading.target)
      } catch (e) {
        if (/ (400|401|403|404)$/.test((e as Error).message)) throw new Refused((e as Error).message)
        return false
      }
      const answer = await new Promise<{ type?: string; accepted?: number; code?: string } | null>((resolve) => {
        const done = (said: { type?: string } | null): void => {
          clearTimeout(timer)
          socket.off('close', gone)
          socket.off('message', heard)
          resolve(said)
        }
        const gone = (): void => done(null)
        const heard = (data: unknown): void => {
          const said = JSON.parse(String(data)) as { type?: string; mid?: string }
          if (said.mid === mid) done(said)
        }
        const timer = setTimeout(gone, patienceMs)
        socket.on('close', gone)
        socket.on('message', heard)
        socket.send(JSON.stringify({ mid, ...JSON.parse(bodyOf(reading)) }), (e) => e && done(null))
      })
      if (answer?.type === 'ack' && answer.accepted === 1) return true
      const { code = '' } = answer ?? {}
      if (answer === null || (isErrorCode(code) && errorTable[code].status >= 429)) {
        socket.terminate()
        return false
      }
      throw new Refused(JSON.stringify(answer))
    },
    async end() {
      for (const socket of sockets.values()) socket.terminate()
    },
  }
}

/** A device that begins anew after every interruption. */
function mqttSender({ mqtt: url, speaker }: Connection, category: string, qos: 1 | 2): Sender {
  let client: Promise<mqtt.MqttClient> | null = null
  const connect = async (): Promise<mqtt.MqttClient> => {
    const made = await mqtt.connectAsync(url, {
      protocolVersion: 4,
      username: 'device',
      password: speaker.token,
      reconnectPeriod: 0,
      connectTimeout: 3000,
    })
    made.on('error', () => {})
    return made
  }
  const connected = async (): Promise<mqtt.MqttClient> => {
    client ??= connect()
    const mine = client
    try {
      const made = await mine
      if (made.connected) return made
      made.end(true)
      if (client === mine) client = null
    } catch (e) {
      if (client === mine) client = null
      // CONNACK 4 and 5: the token is right, so being turned away is wrong. 3 is "come again".
      if ([4, 5].includes(Number((e as { code?: unknown }).code))) throw new Refused((e as Error).message)
    }
    throw new Error('not connected')
  }
  return {
    async send(readings) {
      const [reading] = readings as [Reading]
      let c: mqtt.MqttClient | null = null
      try {
        c = await connected()
        const on = c
        await new Promise<void>((resolve, reject) => {
          const fail = (): void => done(new Error('not acknowledged'))
          const timer = setTimeout(fail, patienceMs)
          const done = (e?: Error | null): void => {
            clearTimeout(timer)
            on.off('close', fail)
            if (e) reject(e)
            else resolve()
          }
          on.setMaxListeners(0)
          on.once('close', fail)
          on.publish(`tmi/in/${category}/${reading.target}`, bodyOf(reading), { qos }, done)
        })
        return true
      } catch (e) {
        if (e instanceof Refused) throw e
        c?.end(true)
        return false
      }
    },
    async end() {
      const made = await client?.catch(() => null)
      await made?.endAsync(true).catch(() => {})
    },
  }
}

/** A device with a session and a store of its own (clean=false): the client itself sends again what was not acknowledged. */
function keptSender({ mqtt: url, speaker }: Connection, category: string, qos: 1 | 2, name: string): Sender {
  const client = mqtt.connect(url, {
    protocolVersion: 4,
    clientId: name,
    clean: false,
    username: 'device',
    password: speaker.token,
    reconnectPeriod: 300,
    connectTimeout: 3000,
    keepalive: 10,
  })
  client.on('error', () => {})
  return {
    async send(readings) {
      const [reading] = readings as [Reading]
      return await client.publishAsync(`tmi/in/${category}/${reading.target}`, bodyOf(reading), { qos }).then(
        () => true,
        () => false,
      )
    },
    async end() {
      await client.endAsync(true).catch(() => {})
    },
  }
}
