// SPDX-License-Identifier: MIT
// What of a call says who it is.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { credentialOf, isShutOut } from '../../src/base/caller.ts'
import { TmiError } from '../../src/base/errors.ts'
import { plainAddress } from '../../src/base/proxies.ts'

const session = `tmi_session_${'a'.repeat(38)}`

test('a session’s cookie counts only when nothing else is shown', () => {
  assert.equal(credentialOf({ cookie: `__Host-tmidb=${session}` }), `Bearer ${session}`)
  assert.equal(credentialOf({ cookie: `a=b; __Host-tmidb=${session}; c=d` }), `Bearer ${session}`)
  assert.equal(credentialOf({ cookie: `__Host-tmidb=${session}`, authorization: 'Basic eDp5' }), 'Basic eDp5')
  assert.equal(credentialOf({}), undefined)
})

test('a cookie of another name or with another kind of token is nothing', () => {
  for (const cookie of [
    `x__Host-tmidb=${session}`,
    `tmidb=${session}`,
    `__Host-tmidb=tmi_user_${'a'.repeat(38)}`,
    '__Host-tmidb=',
  ])
    assert.equal(credentialOf({ cookie }), undefined, cookie)
})

test('IPv4 in an IPv6 socket is IPv4', () => {
  assert.equal(plainAddress('::ffff:192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('::FFFF:192.0.2.7'), '192.0.2.7')
  assert.equal(plainAddress('2001:db8::1'), '2001:db8::1')
  assert.equal(plainAddress(undefined), undefined)
})

test('what ends an open socket is that its caller is unknown or may not be there, not that something is away or too much', () => {
  assert.deepEqual(
    (['TM101', 'TM110', 'TM111', 'TM401', 'TM400', 'TM403'] as const).map((code) => isShutOut(new TmiError(code))),
    [true, true, true, false, false, false],
  )
})
