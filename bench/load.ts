// SPDX-License-Identifier: MIT
// The load generator, a process of its own: raw sockets and ready-made bytes, since it shares the machine's two cores with all it
// measures. Reads what to do as JSON from stdin; prints one JSON line.
import { readFileSync } from 'node:fs'
import { createConnection, type Socket } from 'node:net'

export interface Load {
  kind: 'http' | 'mqtt' | 'get'
  host: string
  port: number
  token: string
  seconds: number
  connections: number
  /** Readings a request (http). */
  batch: number
  /** Unacknowledged messages a connection (mqtt). */
  window: number
  targets: number
  category: string
  /** Readings a second over all connections; without it each sends as soon as it was answered. */
  rate?: number
  /** Requests to repeat, one of them at random each time (get). */
  requests?: string[]
}

export interface Loaded {
  acknowledged: number
  failed: number
  seconds: number
  p50: number
  p99: number
}

const load = JSON.parse(readFileSync(0, 'utf8')) as Load
const times: number[] = []
let acknowledged = 0
let failed = 0
const end = Date.now() + load.seconds * 1000

const reading = (n: number): string =>
  `"temperature":${(20 + (n % 100) / 10).toFixed(1)},"humidity":${40 + (n % 50)},"pressure":${1000 + (n % 30)},"voltage":3.${n % 10}7,"status":"ok","n":${n}`

// Made once: the server stamps the time, so equal bytes are different readings.
const made = Math.max(1, Math.ceil(4000 / load.batch))
const requests: Buffer[] =
  load.kind === 'http'
    ? Array.from({ length: made }, (_, i) => Buffer.from(httpRequest(i)))
    : (load.requests ?? []).map((r) => Buffer.from(r))
let counter = 0
function httpRequest(n: number): string {
  if (load.batch === 1) return request(`/api/in/${load.category}/device-${n % load.targets}`, `{${reading(n)}}`)
  const rows: string[] = []
  for (let i = 0; i < load.batch; i++) rows.push(`{"target":"device-${(n * load.batch + i) % load.targets}",${reading(n + i)}}`)
  return request(`/api/in/${load.category}`, `[${rows.join(',')}]`)
}

function request(path: string, body: string): string {
  return `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${load.token}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n${body}`
}

function http(socket: Socket, next: () => Buffer): void {
  let sent = 0
  let text = ''
  const every = load.rate === undefined ? 0 : (1000 * load.batch * load.connections) / load.rate
  let due = performance.now() + Math.random() * every
  const send = (): void => {
    if (Date.now() >= end) return void socket.end()
    const early = due - performance.now()
    if (every > 0 && early > 1) return void setTimeout(send, early)
    due += every
    sent = performance.now()
    socket.write(next())
  }
  socket.setEncoding('latin1')
  socket.on('data', (chunk: string) => {
    text += chunk
    const head = text.indexOf('\r\n\r\n')
    if (head < 0) return
    const length = Number(/content-length: (\d+)/i.exec(text)?.[1] ?? 0)
    if (text.length < head + 4 + length) return
    times.push(performance.now() - sent)
    if (text.startsWith('HTTP/1.1 2')) acknowledged += load.kind === 'http' ? load.batch : 1
    else failed++
    text = ''
    send()
  })
  socket.on('connect', send)
}

function text(s: string): Buffer {
  return Buffer.concat([Buffer.from([s.length >> 8, s.length & 255]), Buffer.from(s)])
}

function framed(type: number, body: Buffer): Buffer {
  const length: number[] = []
  let left = body.length
  do {
    length.push((left & 127) | (left > 127 ? 128 : 0))
    left >>= 7
  } while (left > 0)
  return Buffer.concat([Buffer.from([type, ...length]), body])
}

/** Where a PUBLISH carries its packet id: behind the topic. */
function idAt(bytes: Buffer): number {
  let o = 1
  while ((bytes[o] as number) & 128) o++
  return o + 3 + bytes.readUInt16BE(o + 1)
}

const packets = Array.from({ length: load.kind === 'mqtt' ? 4000 : 0 }, (_, n) =>
  framed(
    0x32,
    Buffer.concat([text(`tmi/in/${load.category}/device-${n % load.targets}`), Buffer.alloc(2), Buffer.from(`{${reading(n)}}`)]),
  ),
)

function mqtt(socket: Socket, id: number): void {
  const sent = new Map<number, number>()
  let packet = 0
  const every = load.rate === undefined ? 0 : (1000 * load.connections) / load.rate
  let due = performance.now() + Math.random() * every
  const publish = (): void => {
    if (Date.now() >= end) {
      if (sent.size === 0) socket.end()
      return
    }
    const early = due - performance.now()
    if (every > 0 && early > 1) return void setTimeout(publish, early)
    due += every
    packet = (packet % 65535) + 1
    sent.set(packet, performance.now())
    const bytes = Buffer.from(packets[counter++ % packets.length] as Buffer)
    bytes.writeUInt16BE(packet, idAt(bytes))
    socket.write(bytes)
  }
  let rest: Buffer = Buffer.alloc(0)
  socket.on('connect', () => {
    const body = Buffer.concat([
      text('MQTT'),
      Buffer.from([4, 0xc2, 0, 60]),
      text(`bench-${id}`),
      text('device'),
      text(load.token),
    ])
    socket.write(framed(0x10, body))
  })
  socket.on('data', (chunk: Buffer) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= 4) {
      const type = (rest[0] as number) >> 4
      if (type === 2) {
        if (rest[3] !== 0) failed++
        else for (let i = 0; i < load.window; i++) publish()
      } else {
        const at = sent.get(rest.readUInt16BE(2))
        sent.delete(rest.readUInt16BE(2))
        if (at !== undefined) times.push(performance.now() - at)
        acknowledged++
        publish()
      }
      rest = rest.subarray(4)
    }
  })
}

const started = performance.now()
await Promise.all(
  Array.from(
    { length: load.connections },
    (_, id) =>
      new Promise<void>((resolve) => {
        const socket = createConnection({ host: load.host, port: load.port, noDelay: true })
        socket.on('close', () => resolve())
        socket.on('error', () => {
          failed++
        })
        if (load.kind === 'mqtt') mqtt(socket, id)
        else if (load.kind === 'http') http(socket, () => requests[counter++ % requests.length] as Buffer)
        else http(socket, () => requests[Math.floor(Math.random() * requests.length)] as Buffer)
      }),
  ),
)
times.sort((a, b) => a - b)
const at = (p: number): number => Math.round((times[Math.floor(times.length * p)] ?? 0) * 100) / 100
const loaded: Loaded = { acknowledged, failed, seconds: (performance.now() - started) / 1000, p50: at(0.5), p99: at(0.99) }
process.stdout.write(`${JSON.stringify(loaded)}\n`)
