// SPDX-License-Identifier: MIT
// Web documents of strangers: nothing is reached that is not of the public internet, however it is written; time, size and hops end.
import assert from 'node:assert/strict'
import type { LookupAddress } from 'node:dns'
import { after, before, test } from 'node:test'
import { isPublicAddress } from '../../src/base/public-address.ts'
import { type FetchRequest, fetchDocument } from '../../src/tasks/fetch.ts'
import { hostTurns } from '../../src/tasks/host-turns.ts'
import { type Source, source } from './source.ts'

let canary: Source
before(async () => {
  canary = await source()
  canary.on('/', '{"secret": 1}')
})
after(async () => {
  await canary[Symbol.asyncDispose]()
})

const turns = hostTurns({ gapMs: 0 })
const get = (
  url: string,
  more: Partial<FetchRequest> = {},
  allow: string[] = [],
  resolve?: (host: string) => Promise<LookupAddress[]>,
) => fetchDocument({ url, timeoutMs: 3000, maxBytes: 1000, ...more }, { allow, ...(resolve ? { resolve } : {}) }, turns)

test('addresses of the public internet, and no others, are public', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '93.184.216.34',
    '2606:4700:4700::1111',
    '2001:4860:4860::8888',
    '223.130.200.104',
  ])
    assert.equal(isPublicAddress(address), true, address)
  const inside =
    `0.0.0.0 0.1.2.3 10.0.0.1 10.255.255.255 100.64.0.1 100.127.255.254 127.0.0.1 127.255.255.255 169.254.169.254 172.16.0.1
    172.31.255.255 192.0.0.8 192.0.2.1 192.88.99.1 192.168.0.1 198.18.0.1 198.19.255.255 198.51.100.1 203.0.113.1 224.0.0.1 239.255.255.255
    240.0.0.1 255.255.255.255 :: ::1 ::2 ::127.0.0.1 ::7f00:1 ::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8 ::ffff:0:127.0.0.1 64:ff9b::7f00:1
    64:ff9b::10.0.0.1 64:ff9b:1::1 100::1 2001::1 2001:2::1 2001:db8::1 2001:10::1 2002:7f00:1:: 2002:a00:1:: 3fff::1 4000::1 5f00::1 fc00::1
    fd12:3456::1 fd00:ec2::254 fe80::1 fe80::1%eth0 febf::1 fec0::1 ff02::1 ff0e::1 nonsense 1.2.3 0x7f000001`.split(/\s+/)
  for (const address of inside) assert.equal(isPublicAddress(address), false, address)
})

test('eighty ways to write an address inside reach nothing', async () => {
  const { port } = canary
  const hosts =
    `127.0.0.1 127.1 127.0.1 127.255.255.254 0 0.0.0.0 2130706433 0x7f000001 0x7f.1 0x7F.0.0.1 017700000001 0177.0.0.1 0177.1
    127.0.0.1. 0x7f.0x0.0x0.0x1 127.0.0.0x1 00000177.1 127.000.000.001 %31%32%37.0.0.1 １２７.0.0.1 127。0。0。1 ①②⑦.⓪.⓪.① localhost LOCALHOST localhost.
    lOcAlHoSt. ip6-localhost [::1] [::] [0:0:0:0:0:0:0:1] [::ffff:127.0.0.1] [::ffff:7f00:1] [0:0:0:0:0:ffff:7f00:0001] [::127.0.0.1] [::7f00:1]
    [64:ff9b::127.0.0.1] [64:ff9b::7f00:1] [64:ff9b:1::7f00:1] [2002:7f00:1::] [2001::1] [fe80::1] [fc00::1] [fd00:ec2::254] [fec0::1] [ff02::1]
    169.254.169.254 2852039166 0xa9fea9fe 0251.0376.0251.0376 [::ffff:169.254.169.254] [::ffff:a9fe:a9fe] 169.254.1.1 10.0.0.1 10.1 0xa.1 012.1
    172.16.0.1 172.31.255.254 192.168.0.1 192.168.1 0xc0a80001 3232235521 100.64.0.1 100.127.255.254 198.18.0.1 192.0.0.192 192.0.2.1 203.0.113.1
    224.0.0.1 239.1.1.1 240.0.0.1 255.255.255.255 [::ffff:10.0.0.1] [::ffff:192.168.0.1] [::ffff:0:127.0.0.1] [100::1] [3fff::1] [5f00::1] [2001:db8::1] 127.0.0.53 0300.0250.0.1`
      .split(/\s+/)
      .filter(Boolean)
  assert.ok(hosts.length >= 80, String(hosts.length))
  for (const host of hosts) {
    const e = await get(`http://${host}:${port}/`).then(
      () => assert.fail(`${host} was reached`),
      (e: { code: string }) => e,
    )
    assert.ok(['TM221', 'TM222'].includes(e.code), `${host}: ${e.code}`)
    // Only names that do not resolve here may fail otherwise.
    if (!/^ip6-|^localhost\.$/i.test(host)) assert.equal(e.code, 'TM221', host)
  }
  for (const url of [
    'file:///etc/passwd',
    'ftp://127.0.0.1/',
    'gopher://127.0.0.1:4222/_x',
    'data:text/plain,x',
    'unix:/run/x',
    'javascript:1',
    `http+unix://%2Ftmp%2Fx/`,
    `ws://127.0.0.1:${port}/`,
    'http://',
    'nonsense',
    `https://localhost:${port}/`,
    `https://127.1:${port}/`,
    `http://user:pass@127.0.0.1:${port}/`,
    `http://example.com@127.0.0.1:${port}/`,
    `http://127.0.0.1:${port}#@example.com/`,
    `http://127.0.0.1:${port}\\@example.com/`,
  ])
    await assert.rejects(get(url), { code: 'TM221' }, url)
  assert.equal(canary.seen.length, 0)
  // It was there to be reached.
  await get(`http://0x7f.1:${port}/`, {}, ['127.0.0.1'])
  assert.equal(canary.seen.splice(0).length, 1)
})

test('a name server that answers public first and then inside leads nowhere inside', async () => {
  // Of the public kind, but given to nobody: nothing is there.
  const answers: LookupAddress[][] = []
  let asked = 0
  const rebinding = async (): Promise<LookupAddress[]> => {
    asked++
    const answer: LookupAddress[] = [{ address: asked === 1 ? '2d00:ffff::1' : '127.0.0.1', family: asked === 1 ? 6 : 4 }]
    answers.push(answer)
    return answer
  }
  for (let i = 0; i < 5; i++)
    await assert.rejects(get(`http://rebind.example:${canary.port}/`, { timeoutMs: 500 }, [], rebinding))
  assert.equal(asked, 5, 'each connection is checked by one answer of its own')
  assert.equal(canary.seen.length, 0)
})

test('one address inside spoils an answer, whatever else it has', async () => {
  const mixed = async (): Promise<LookupAddress[]> => [
    { address: '2d00:ffff::1', family: 6 },
    { address: '127.0.0.1', family: 4 },
  ]
  await assert.rejects(get(`http://mixed.example:${canary.port}/`, {}, [], mixed), { code: 'TM221' })
  assert.equal(canary.seen.length, 0)
})

test('redirects are followed three times, each hop checked', async () => {
  await using door = await source()
  const target = `http://127.0.0.1:${canary.port}/`
  door.on('/in', (_, res) => res.writeHead(302, { location: target }).end())
  await assert.rejects(get(`${door.url}/in`, {}, ['localhost']), { code: 'TM221' })
  for (const location of [
    'file:///etc/passwd',
    'http://[::ffff:127.0.0.1]/',
    `//127.0.0.1:${canary.port}/`,
    'http://169.254.169.254/latest/meta-data/',
  ]) {
    door.on('/in', (_, res) => res.writeHead(307, { location }).end())
    await assert.rejects(get(`${door.url}/in`, {}, ['localhost']), { code: 'TM221' }, location)
  }
  assert.equal(canary.seen.length, 0)
  for (const n of [1, 2, 3, 4]) door.on(`/${n}`, (_, res) => res.writeHead(302, { location: `/${n - 1}` }).end())
  door.on('/0', '{"there": true}')
  assert.equal((await get(`${door.url}/3`, {}, ['localhost'])).body?.toString(), '{"there": true}')
  await assert.rejects(get(`${door.url}/4`, {}, ['localhost']), { message: 'It redirects more than 3 times.' })
})

test('headers and bodies for one host go to no other', async () => {
  await using other = await source()
  await using door = await source()
  other.on('/there', '{}')
  door.on('/away', (_, res) => res.writeHead(302, { location: `${other.url}/there` }).end())
  door.on('/back', (_, res) => res.writeHead(302, { location: '/here' }).end())
  door.on('/here', '{}')
  const secrets = { authorization: 'Bearer x', cookie: 'a=b', 'x-api-key': 'k' }
  await get(`${door.url}/back`, { headers: secrets }, ['localhost'])
  assert.equal(door.seen.at(-1)?.headers.authorization, 'Bearer x')
  await get(`${door.url}/away`, { headers: secrets }, ['localhost'])
  const { authorization, cookie, 'x-api-key': key } = other.seen[0]?.headers ?? {}
  assert.deepEqual([authorization, cookie, key], [undefined, undefined, undefined])
  door.on('/keep', (_, res) => res.writeHead(307, { location: `${other.url}/there` }).end())
  await assert.rejects(get(`${door.url}/keep`, { method: 'POST', body: 'secret' }, ['localhost']), /may not have the body/)
  door.on('/see', (_, res) => res.writeHead(303, { location: `${other.url}/there` }).end())
  await get(`${door.url}/see`, { method: 'POST', body: 'secret' }, ['localhost'])
  assert.deepEqual([other.seen.length, other.seen[1]?.method, other.seen[1]?.body], [2, 'GET', ''])
})

test('a server that is slow, silent or breaks off is left after its time', async () => {
  await using slow = await source()
  slow.on('/silent', () => {})
  slow.on('/drips', (_, res) => {
    res.writeHead(200)
    const drip = setInterval(() => res.write(' '), 20)
    res.on('close', () => clearInterval(drip))
  })
  slow.on('/breaks', (_, res) => {
    res.writeHead(200, { 'content-length': '100' })
    res.write('{"a":')
    setTimeout(() => res.destroy(), 50)
  })
  for (const path of ['/silent', '/drips']) {
    const began = Date.now()
    await assert.rejects(get(slow.url + path, { timeoutMs: 400 }, ['localhost']), { code: 'TM222', message: 'It took too long.' })
    assert.ok(Date.now() - began < 3000)
  }
  await assert.rejects(get(`${slow.url}/breaks`, {}, ['localhost']), { code: 'TM222' })
  slow.on('/endless', (_, res) => {
    res.writeHead(200)
    const pour = () => {
      while (!res.destroyed && res.write('x'.repeat(65_536)));
      if (!res.destroyed) res.once('drain', pour)
    }
    pour()
  })
  await assert.rejects(get(`${slow.url}/endless`, {}, ['localhost']), { message: 'It is larger than 1000 bytes.' })
})
