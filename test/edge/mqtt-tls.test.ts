// SPDX-License-Identifier: MIT
// MQTT over TLS: a certificate that is trusted, old versions refused, and a renewed certificate without a restart.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { connect as connectTls } from 'node:tls'
import mqtt from 'mqtt'
import { generate } from 'selfsigned'
import { sleep } from '../../src/base/retry.ts'
import { openMqtt } from '../../src/edge/mqtt.ts'
import { mqttWorld } from './mqtt-world.ts'

const dir = mkdtempSync(join(tmpdir(), 'tmidb-tls-'))
const files = { cert: join(dir, 'cert.pem'), key: join(dir, 'key.pem') }

async function certificate(name: string): Promise<string> {
  const pem = await generate([{ name: 'commonName', value: name }], {
    keySize: 2048,
    extensions: [{ name: 'subjectAltName', altNames: [{ type: 2, value: 'localhost' }] }],
  } as object)
  writeFileSync(files.cert, pem.cert)
  writeFileSync(files.key, pem.private)
  return pem.cert
}

let ca = await certificate('first')
let token = ''
const world = mqttWorld(
  async (w) => {
    token = await w.token(`tmidb.create_speaker('any')`)
  },
  () => ({ tls: { ...files, port: 0 } }),
)
after(() => rmSync(dir, { recursive: true, force: true }))

const connect = (options: mqtt.IClientOptions = {}) =>
  mqtt.connectAsync(`mqtts://localhost:${world.door.tlsPort}`, {
    protocolVersion: 4,
    username: 'd',
    password: token,
    reconnectPeriod: 0,
    connectTimeout: 3000,
    ca,
    ...options,
  })

const peerName = () =>
  new Promise<string>((resolve, reject) => {
    const socket = connectTls({ port: world.door.tlsPort as number, host: 'localhost', rejectUnauthorized: false }, () => {
      resolve(String(socket.getPeerCertificate().subject.CN))
      socket.destroy()
    })
    socket.on('error', reject)
  })

test('a client that trusts the certificate publishes over TLS', async () => {
  const client = await connect()
  await client.publishAsync('tmi/in/sensor/t', '{"a":1}', { qos: 1 })
  assert.equal(world.published.length, 1)
  await client.endAsync()
})

test('a client that does not trust it stays out; so does one with TLS 1.1', async () => {
  await assert.rejects(connect({ ca: undefined as never }))
  await assert.rejects(connect({ minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1' } as object))
})

test('a renewed certificate is used without a restart; a broken one changes nothing', async () => {
  assert.equal(await peerName(), 'first')
  const old = await connect()
  writeFileSync(files.key, 'nothing')
  await sleep(3000)
  assert.equal(await peerName(), 'first')
  ca = await certificate('second')
  for (let i = 0; i < 60 && (await peerName()) === 'first'; i++) await sleep(200)
  assert.equal(await peerName(), 'second')
  // Who is connected stays so.
  await old.publishAsync('tmi/in/sensor/t', '{"a":2}', { qos: 1 })
  await old.endAsync()
  await (await connect()).endAsync()
})

test('TM501 a certificate that cannot be read is said at the start', async () => {
  const place = { host: '127.0.0.1', port: 0, tls: { cert: join(dir, 'none.pem'), key: files.key, port: 0 } }
  await assert.rejects(openMqtt(world.intake, place), { code: 'TM501' })
})
