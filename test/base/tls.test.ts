// SPDX-License-Identifier: MIT
// The certificate: refused in one sentence when it cannot be shown, and read again while the server runs.
import assert from 'node:assert/strict'
import { copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer, get } from 'node:https'
import type { AddressInfo } from 'node:net'
import { test } from 'node:test'
import { loadConfig } from '../../src/base/config.ts'
import { sleep } from '../../src/base/retry.ts'
import { certifiedHost, followTls, readTls } from '../../src/base/tls.ts'
import { testCertificate } from '../lib/certificate.ts'

test('TM501 one of the two variables without the other', () => {
  assert.throws(() => loadConfig({ TMIDB_TLS_CERT: 'a.pem' }), {
    code: 'TM501',
    message: 'TMIDB_TLS_CERT is set without TMIDB_TLS_KEY.',
  })
  assert.throws(() => loadConfig({ TMIDB_TLS_KEY: 'a.pem' }), {
    code: 'TM501',
    message: 'TMIDB_TLS_KEY is set without TMIDB_TLS_CERT.',
  })
  assert.equal(loadConfig({ TMIDB_TLS_KEY: '', TMIDB_TLS_CERT: '' }).tls, undefined)
})

test('TM501 files that are not there, no PEM, no pair', async () => {
  using own = await testCertificate()
  using other = await testCertificate()
  assert.match(readTls(own).cert, /^-----BEGIN CERTIFICATE-----/)
  const refused = (cert: string, key: string, message: RegExp) =>
    assert.throws(() => readTls({ cert, key }), { code: 'TM501', message })
  refused('/nowhere/cert.pem', own.key, /^The file \/nowhere\/cert\.pem of TMIDB_TLS_CERT is not there\.$/)
  refused(own.cert, '/nowhere/key.pem', /TMIDB_TLS_KEY is not there/)
  refused('/', own.key, /cannot be read/)
  refused(own.key, own.key, /^The file .* of TMIDB_TLS_CERT holds no certificate in PEM form\.$/)
  refused(own.cert, own.cert, /of TMIDB_TLS_KEY holds no private key without a passphrase in PEM form/)
  refused(own.cert, other.key, /^The key .* does not belong to the certificate .*\.$/)
})

test('clients on this machine are sent to a name that the certificate holds for', async () => {
  using both = await testCertificate()
  using name = await testCertificate(['localhost'], [])
  using far = await testCertificate(['db.example.org'], [])
  assert.equal(certifiedHost(both, '127.0.0.1'), '127.0.0.1')
  assert.equal(certifiedHost(name, '127.0.0.1'), 'localhost')
  assert.equal(certifiedHost(far, '127.0.0.1'), '127.0.0.1')
  assert.equal(certifiedHost(far, 'db.example.org'), 'db.example.org')
})

test('a renewed certificate is shown without a restart; half a renewal changes nothing', async () => {
  using files = await testCertificate()
  using other = await testCertificate()
  const server = createServer(readTls(files), (_req, res) => res.end('ok'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  using _following = followTls(files, (pair) => server.setSecureContext(pair), 50)
  const { port } = server.address() as AddressInfo
  const answers = (ca: string) =>
    new Promise<boolean>((resolve) => {
      const req = get({ port, host: '127.0.0.1', ca, agent: false }, (res) => res.resume().on('end', () => resolve(true)))
      req.on('error', () => resolve(false))
    })
  const first = readFileSync(files.cert, 'utf8')
  assert.equal(await answers(first), true)
  copyFileSync(other.cert, files.cert)
  await sleep(300)
  assert.equal(await answers(first), true, 'the new key is still missing')
  copyFileSync(other.key, files.key)
  const second = readFileSync(other.cert, 'utf8')
  for (let n = 0; !(await answers(second)); n++) {
    assert.ok(n < 100, 'not within 5 s')
    await sleep(50)
  }
  assert.equal(await answers(first), false)
  writeFileSync(files.cert, 'rubbish')
  await sleep(300)
  assert.equal(await answers(second), true)
  server.close()
})
