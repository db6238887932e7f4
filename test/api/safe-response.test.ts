// SPDX-License-Identifier: MIT
// What the class of responses adds, whichever way a head is written; that every door uses it is seen in test/walk/ways-in.test.ts.
import assert from 'node:assert/strict'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { test } from 'node:test'
import { openApp } from '../../src/api/app.ts'
import { safeResponse } from '../../src/api/safe-response.ts'
import { isLoopback } from '../../src/base/config.ts'

async function headersOf(answer: (res: ServerResponse) => void, forcesTls = false): Promise<Headers> {
  const server = createServer({ ServerResponse: safeResponse(forcesTls) }, (_req, res) => answer(res))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    return (await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)).headers
  } finally {
    server.close()
  }
}

const ways: Record<string, (res: ServerResponse) => void> = {
  'an object': (res) => void res.writeHead(200, { 'Content-Type': 'application/json' }).end('{}'),
  'a reason and an object': (res) => void res.writeHead(200, 'Fine', { 'Content-Type': 'application/json' }).end('{}'),
  'a list': (res) => void res.writeHead(200, ['Content-Type', 'application/json']).end('{}'),
  'headers set before': (res) => void res.setHeader('Content-Type', 'application/json').end('{}'),
  'headers set before and an object': (res) => {
    res.setHeader('Retry-After', '1')
    res.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  },
  'a status only': (res) => void res.writeHead(204).end(),
}

for (const [how, answer] of Object.entries(ways)) {
  test(`an answer is not guessed at, kept or framed: head written by ${how}`, async () => {
    const headers = await headersOf(answer)
    assert.equal(headers.get('x-content-type-options'), 'nosniff')
    assert.equal(headers.get('cache-control'), 'no-store')
    assert.equal(headers.get('referrer-policy'), 'no-referrer')
    assert.equal(headers.get('content-security-policy'), "default-src 'none'; frame-ancestors 'none'")
    assert.equal(headers.get('strict-transport-security'), null)
    if (!how.startsWith('a status')) assert.equal(headers.get('content-type'), 'application/json')
  })
}

test('who says otherwise is heard, however it is spelled', async () => {
  for (const way of [
    (res: ServerResponse) => void res.writeHead(200, { 'Cache-Control': 'max-age=300' }).end(),
    (res: ServerResponse) => void res.setHeader('Cache-Control', 'max-age=300').writeHead(200).end(),
    (res: ServerResponse) => void res.setHeader('vary', 'origin').writeHead(200, { 'CACHE-CONTROL': 'max-age=300' }).end(),
  ])
    assert.equal((await headersOf(way)).get('cache-control'), 'max-age=300')
})

test('a page may load what is ours, and keeps its window to itself', async () => {
  for (const way of [
    (res: ServerResponse) => void res.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end(),
    (res: ServerResponse) => void res.setHeader('Content-Type', 'text/html').end(),
  ]) {
    const headers = await headersOf(way)
    const policy = headers.get('content-security-policy') ?? ''
    for (const part of ["default-src 'self'", "object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"])
      assert.ok(policy.includes(part), part)
    assert.ok(!/script-src[^;]*unsafe/.test(policy))
    assert.equal(headers.get('cross-origin-opener-policy'), 'same-origin')
  }
})

test('a server that speaks TLS to others says so for a year, also below its name; on loopback nobody is bound', async () => {
  for (const way of Object.values(ways))
    assert.equal((await headersOf(way, true)).get('strict-transport-security'), 'max-age=31536000; includeSubDomains')
  for (const host of ['127.0.0.1', 'localhost', '::1', '[::1]', '127.8.0.1']) assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '', '10.0.0.1', 'db.example.com', '127.0.0.1.example.com'])
    assert.ok(!isLoopback(host), host)
})

test('express does not say what it is, and gives out no file that it does not name', async () => {
  const app = openApp(async () => {})
  app.finish()
  const server = createServer({ ServerResponse: safeResponse(false) }, app)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  try {
    for (const [path, status, type] of [
      ['/', 200, 'application/json; charset=utf-8'],
      ['/health/live', 200, 'application/json; charset=utf-8'],
      ['/docs/errors', 200, 'text/html; charset=utf-8'],
      ['/docs', 200, 'text/html; charset=utf-8'],
      ['/docs/', 200, 'text/html; charset=utf-8'],
      ['/nothing', 404, 'application/problem+json; charset=utf-8'],
      ['/.git/config', 404, 'application/problem+json; charset=utf-8'],
      ['/docs/../../package.json', 404, 'application/problem+json; charset=utf-8'],
      ['/ruru-static/', 404, 'application/problem+json; charset=utf-8'],
    ] as const) {
      const answer = await fetch(at + path)
      await answer.text()
      assert.deepEqual([answer.status, answer.headers.get('content-type')], [status, type], path)
      for (const name of ['x-powered-by', 'server', 'via']) assert.equal(answer.headers.get(name), null)
      assert.equal(answer.headers.get('x-content-type-options'), 'nosniff')
      assert.match(answer.headers.get('content-security-policy') ?? '', /frame-ancestors 'none'/)
    }
  } finally {
    server.close()
  }
})

test('who says both a length and chunks is refused: nobody smuggles a request behind another', async () => {
  const server = createServer({ ServerResponse: safeResponse(false) }, (_req, res) => res.end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const answerTo = async (head: string): Promise<string> => {
    const socket = connect(port, '127.0.0.1')
    socket.end(`POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${head}\r\n\r\n0\r\n\r\n`)
    let text = ''
    for await (const bytes of socket) text += String(bytes)
    return text.slice(0, 12)
  }
  try {
    assert.equal(await answerTo('Transfer-Encoding: chunked'), 'HTTP/1.1 200')
    for (const head of [
      'Content-Length: 5\r\nTransfer-Encoding: chunked',
      'Content-Length: 5\r\nContent-Length: 6',
      'Transfer-Encoding: chunked, identity',
      'Transfer-Encoding : chunked',
    ])
      assert.equal(await answerTo(head), 'HTTP/1.1 400', head)
  } finally {
    server.close()
  }
})
