// SPDX-License-Identifier: MIT
// A certificate of a test's own, as two PEM files in a folder of its own.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generate } from 'selfsigned'

export interface TestCertificate extends Disposable {
  cert: string
  key: string
  /** Another one into the same files; gives its PEM. */
  renew(): Promise<string>
}

export async function testCertificate(names = ['localhost'], ips = ['127.0.0.1'], days = 365): Promise<TestCertificate> {
  const folder = mkdtempSync(join(tmpdir(), 'tmidb-tls-'))
  const [cert, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')]
  const renew = async (): Promise<string> => {
    const altNames = [...names.map((value) => ({ type: 2 as const, value })), ...ips.map((ip) => ({ type: 7 as const, ip }))]
    const pem = await generate([{ name: 'commonName', value: names[0] ?? 'test' }], {
      algorithm: 'sha256',
      notAfterDate: new Date(Date.now() + days * 86_400_000),
      extensions: [{ name: 'subjectAltName', altNames }],
    })
    writeFileSync(cert, pem.cert)
    writeFileSync(key, pem.private)
    return pem.cert
  }
  await renew()
  return { cert, key, renew, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}
