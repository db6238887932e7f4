// SPDX-License-Identifier: MIT
// The world outside: a web server that answers as a test says, and counts who comes.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Seen {
  path: string
  method: string
  headers: IncomingMessage['headers']
  body: string
  at: number
}

export interface Source extends AsyncDisposable {
  /** http://localhost:port */
  url: string
  port: number
  seen: Seen[]
  /** What a path answers; a text is JSON of status 200. */
  on(path: string, answer: string | ((request: Seen, response: ServerResponse) => void)): void
}

export async function source(host = '127.0.0.1'): Promise<Source> {
  const answers = new Map<string, string | ((request: Seen, response: ServerResponse) => void)>()
  const seen: Seen[] = []
  const server = createServer((req, res) => {
    let body = ''
    req.on('data', (bytes: Buffer) => (body += bytes.toString()))
    req.on('end', () => {
      const path = req.url ?? ''
      const one = { path, method: req.method ?? '', headers: req.headers, body, at: Date.now() }
      seen.push(one)
      const answer = answers.get(path)
      if (answer === undefined) res.writeHead(404).end()
      else if (typeof answer === 'string') res.writeHead(200, { 'content-type': 'application/json' }).end(answer)
      else answer(one, res)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://localhost:${port}`,
    port,
    seen,
    on: (path, answer) => void answers.set(path, answer),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
