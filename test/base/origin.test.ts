// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import type { IncomingMessage } from 'node:http'
import { test } from 'node:test'
import { allowOrigins, readOrigins } from '../../src/base/origin.ts'

const asks = (origin: string | undefined, host: string | undefined): IncomingMessage =>
  ({
    headers: { ...(origin === undefined ? {} : { origin }), ...(host === undefined ? {} : { host }) },
    socket: {},
  }) as IncomingMessage
const may = (setting: string, origin: string | undefined, host = 'tmi.example.com'): boolean => {
  try {
    allowOrigins(readOrigins(setting)).mayOpen(asks(origin, host))
    return true
  } catch (e) {
    assert.equal((e as { code: string }).code, 'TM309')
    return false
  }
}

test('who says no origin is no browser and may; a page of our own address may, with its port', () => {
  assert.ok(may('', undefined))
  assert.ok(may('', 'https://tmi.example.com'))
  assert.ok(may('', 'http://[::1]:8080', '[::1]:8080'))
  assert.ok(!may('', 'https://tmi.example.com:8443'))
  assert.ok(!may('', 'https://tmi.example.com.evil.org'))
  assert.ok(!may('', 'https://evil.org/tmi.example.com'))
  assert.ok(!may('', 'null'))
  assert.ok(!may('', ''))
})

test('pages of the setting may, letter by letter; * lets all', () => {
  assert.ok(may('https://app.example.com, http://localhost:3000', 'http://localhost:3000'))
  assert.ok(may('https://App.example.com/', 'https://app.example.com'))
  assert.ok(may('https://app.example.com:443', 'https://app.example.com'))
  assert.ok(!may('https://app.example.com', 'http://app.example.com'))
  assert.ok(!may('https://app.example.com', 'https://app.example.com:444'))
  assert.ok(may('*', 'null'))
})

test('what is no origin is refused at the start', () => {
  for (const wrong of [
    'app.example.com',
    'https://app.example.com/path',
    'ftp://x',
    'https://*.example.com/',
    'null',
    'https://u:p@x',
  ])
    assert.throws(() => readOrigins(wrong), { code: 'TM501' }, wrong)
  assert.deepEqual(readOrigins(undefined), [])
})
