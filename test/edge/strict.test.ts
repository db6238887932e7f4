// SPDX-License-Identifier: MIT
// A strict category, whichever way a reading comes in: one verdict, with the difference in its words. The ways in learn what is strict
// from SQL while they run.
import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, test } from 'node:test'
import WebSocket from 'ws'
import { sleep } from '../../src/base/retry.ts'
import { httpIntake } from '../../src/edge/http.ts'
import { influxIntake } from '../../src/edge/influx.ts'
import { openWsIntake } from '../../src/edge/ws-in.ts'
import { mqttWorld } from './mqtt-world.ts'

let token = ''
let base = ''
let server: Server
let sockets: ReturnType<typeof openWsIntake>
const world = mqttWorld(async (w) => {
  token = await w.token(`tmidb.create_speaker('any')`)
  await w.db.query(
    `select tmidb.ingest('sensor', 't', '{"temperature": 21.5, "ok": true}'), tmidb.ingest('free', 't', '{"a": 1}')`,
  )
  const ways = [httpIntake(w.intake), influxIntake(w.intake, async () => {})]
  sockets = openWsIntake(w.intake)
  server = createServer((req, res) => void ways.some((way) => way(req, res)))
  server.on('upgrade', (req, socket, head) => void sockets.upgrade(req, socket, head))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  base = `127.0.0.1:${(server.address() as AddressInfo).port}`
  await w.db.query(`select tmidb.set_strict('sensor')`)
  await refuses('{"temperature": "x"}')
})
after(async () => {
  await sockets[Symbol.asyncDispose]()
  server.closeAllConnections()
  server.close()
})

const why = 'This category is strict, and the reading would break it'
const hint = 'The details say which fields differ; send the known types, or let an administrator lift "strict".'

async function post(body: string, path = '/api/in/sensor/t') {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
  const response = await fetch(`http://${base}${path}`, { method: 'POST', headers, body })
  const text = await response.text()
  return { status: response.status, said: (text === '' ? {} : JSON.parse(text)) as Record<string, unknown> }
}

/** What SQL changed reaches the ways in by a notification: asks until they refuse, or take. */
async function answers(status: number, body: string): Promise<void> {
  for (let n = 0; (await post(body)).status !== status; n++, await sleep(10)) assert.ok(n < 500, `never ${status}: ${body}`)
}
const refuses = (body: string) => answers(422, body)
const takes = (body: string) => answers(202, body)
const published = () => world.published.map((r) => Buffer.from(r.payload).toString())

test('TM223 by HTTP: a reading that breaks is refused with the difference, the others of its batch are taken', async () => {
  const single = await post('{"temperature": "warm", "ok": 1}')
  assert.equal(single.status, 422)
  assert.equal(single.said.code, 'TM223')
  assert.equal(
    single.said.detail,
    `${why} (temperature: text where number is known, ok: integer where boolean is known). ${hint}`,
  )
  world.published = []
  const { status, said } = await post(
    '[{"temperature": 20}, {"temperature": {"x": 1}}, {"humidity": 5}, {"temperature": null, "ok": "yes"}]',
  )
  assert.equal(status, 202)
  assert.deepEqual(said, {
    accepted: 2,
    rejected: [
      { index: 1, code: 'TM223', message: `${why} (temperature: object where number is known). ${hint}` },
      { index: 3, code: 'TM223', message: `${why} (ok: text where boolean is known). ${hint}` },
    ],
  })
  assert.deepEqual(published(), ['{"temperature": 20}', '{"humidity": 5}'])
})

test('other categories take what they took', async () => {
  assert.equal((await post('[{"a": "x"}, {"a": 2}]', '/api/in/free/t')).status, 202)
})

test('TM223 by MQTT: acknowledged, kept with its bytes and the difference', async () => {
  const device = await world.connect(token)
  await device.publishAsync('tmi/in/sensor/t', '{"temperature": "warm"}', { qos: 1 })
  assert.deepEqual(
    world.refused.map((r) => [r.code, r.message, Buffer.from(r.raw, 'base64').toString()]),
    [['TM223', `${why} (temperature: text where number is known). ${hint}`, '{"temperature": "warm"}']],
  )
  assert.deepEqual(published(), [])
})

test('TM223 by WebSocket and by line protocol', async () => {
  const ws = new WebSocket(`ws://${base}/ws/in/sensor/t`, { headers: { authorization: `Bearer ${token}` } })
  const said = await new Promise<string>((resolve, reject) => {
    ws.on('error', reject)
    ws.on('open', () => ws.send('{"temperature": "warm"}'))
    ws.on('message', (data: Buffer) => String(data).includes('TM223') && resolve(String(data)))
  })
  assert.match(said, /temperature: text where number is known/)
  ws.terminate()
  const response = await fetch(`http://${base}/api/v2/write?precision=s`, {
    method: 'POST',
    headers: { authorization: `Token ${token}` },
    body: 'sensor,target=t temperature="warm"',
  })
  assert.equal(response.ok, false)
  assert.match(await response.text(), /temperature: text where number is known/)
})

test('what a new version and a pin allow is taken at once, and everything when strict is lifted', async () => {
  await refuses('{"temperature": "x"}')
  await world.db.query(`select tmidb.pin_field('sensor', 'temperature', 'number')`)
  await takes('{"temperature": "x"}')
  await refuses('{"ok": "x"}')
  await world.db.query(`select tmidb.ingest('sensor', 't', '{"added": 1}')`)
  await refuses('{"added": "x"}')
  await world.db.query(`select tmidb.set_strict('sensor', false)`)
  await takes('{"added": "x"}')
})
