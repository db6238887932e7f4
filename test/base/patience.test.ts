// SPDX-License-Identifier: MIT
// The HTTP port's patience, forty times faster: who is slow on purpose keeps no socket.
import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, test } from 'node:test'
import { patience } from '../../src/base/patience.ts'
import { sleep } from '../../src/base/retry.ts'

const faster = 40
const server = createServer(
  {
    ...patience,
    headersTimeout: patience.headersTimeout / faster,
    requestTimeout: patience.requestTimeout / faster,
    connectionsCheckingInterval: patience.connectionsCheckingInterval / faster,
  },
  (req, res) => {
    req.resume().on('end', () => res.end('taken'))
    req.on('error', () => {})
  },
)
before(() => new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve)))
after(() => {
  server.closeAllConnections()
  server.close()
})

/** Says the first words, then a letter at a time, and the last ones if there are any after so many; what came back. */
async function dribble(first: string, last?: { after: number; words: string }): Promise<string> {
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1')
  let text = ''
  let isOpen = true
  client.on('data', (bytes) => (text += String(bytes)))
  client.on('error', () => {})
  client.on('close', () => (isOpen = false))
  client.write(first)
  for (let n = 0; isOpen && n < 1000; n++, await sleep(20))
    client.write(n === last?.after ? last.words : n > (last?.after ?? n) ? '' : 'a')
  assert.ok(!isOpen, 'still open')
  return text
}

const head = 'POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n'

test('headers that never end are cut off (408)', async () => {
  assert.match(await dribble(`${head}X-Slow: `), /^HTTP\/1\.1 408 /)
})

test('a body that never ends is cut off', async () => {
  assert.match(await dribble(`${head}Content-Length: 100000\r\n\r\n`), /^HTTP\/1\.1 408 /)
})

test('who is slow, but ends in time, is answered', async () => {
  assert.match(
    await dribble(`${head}X-Slow: `, { after: 3, words: '\r\nContent-Length: 2\r\n\r\nab' }),
    /^HTTP\/1\.1 200 .*taken/s,
  )
})

test('headers of more than 16 kB are refused (431)', async () => {
  assert.match(await dribble(`${head}X-Large: ${'a'.repeat(17_000)}`), /^HTTP\/1\.1 431 /)
})
