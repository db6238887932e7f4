// SPDX-License-Identifier: MIT
// Whose word counts about where a request comes from.
import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { TmiError } from '../../src/base/errors.ts'
import { addressOf, readProxies, trustProxies } from '../../src/base/proxies.ts'

afterEach(() => trustProxies(null))

const from = (peer: string, headers: Record<string, string> = {}) =>
  addressOf({ socket: { remoteAddress: peer }, headers } as never)
const xff = (peer: string, list: string) => from(peer, { 'x-forwarded-for': list })

test('without trusted proxies a forwarded address is nothing', () => {
  assert.equal(xff('::ffff:192.0.2.1', '203.0.113.9'), '192.0.2.1')
  assert.equal(from('192.0.2.1', { forwarded: 'for=203.0.113.9' }), '192.0.2.1')
})

test('who is no trusted proxy cannot forge one', () => {
  trustProxies(readProxies('10.0.0.0/8, 2001:db8:aaaa::/48'))
  assert.equal(xff('192.0.2.1', '203.0.113.9'), '192.0.2.1')
  assert.equal(xff('2001:db8:bbbb::1', '203.0.113.9'), '2001:db8:bbbb::1')
})

test('through trusted proxies it is the first from the right that is none of them', () => {
  trustProxies(readProxies('10.0.0.0/8 2001:db8:aaaa::/48'))
  assert.equal(xff('10.0.0.1', '203.0.113.9'), '203.0.113.9')
  assert.equal(xff('::ffff:10.0.0.1', '1.1.1.1, 203.0.113.9, 10.2.2.2'), '203.0.113.9')
  assert.equal(xff('2001:db8:aaaa::7', '203.0.113.9:4711'), '203.0.113.9')
  assert.equal(xff('10.0.0.1', '[2001:db8:cccc::1]:4711'), '2001:db8:cccc::1')
  assert.equal(xff('10.0.0.1', '10.0.0.2'), '10.0.0.2')
  assert.equal(xff('10.0.0.1', '203.0.113.9, nonsense'), '10.0.0.1')
  assert.equal(xff('10.0.0.1', ''), '10.0.0.1')
  assert.equal(from('10.0.0.1'), '10.0.0.1')
  assert.equal(from('10.0.0.1', { forwarded: 'for=1.1.1.1, For="[2001:db8:cccc::1]:4711";proto=https' }), '2001:db8:cccc::1')
  assert.equal(from('10.0.0.1', { forwarded: 'for=unknown' }), '10.0.0.1')
})

test('a header that the proxy only handed on does not overrule the one it wrote', () => {
  trustProxies(readProxies('10.0.0.1'))
  assert.equal(from('10.0.0.1', { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=1.1.1.1' }), '10.0.0.1')
  assert.equal(from('10.0.0.1', { 'x-forwarded-for': '203.0.113.9', forwarded: 'for=203.0.113.9' }), '203.0.113.9')
})

test('what is no address and no network is refused at start', () => {
  assert.equal(readProxies(undefined), null)
  for (const text of ['proxy', '10.0.0.0/33', '10.0.0.0/', '10.0.0.1/8/8', '10.0.0.0/x', '::/129'])
    assert.throws(
      () => readProxies(text),
      (e) => e instanceof TmiError && e.code === 'TM501',
      text,
    )
})
