// SPDX-License-Identifier: MIT
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions } from 'node:tls'
import WebSocket from 'ws'
import { loadConfig } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { connectionFile, read } from '../supervisor/connection.ts'
import { type Args, type Command, exit } from './command.ts'

export const command: Command = {
  summary: 'Print readings as they come in; goes on by itself after a break.',
  isBare: true,
  usage: 'tail [--json]',
  examples: ['npx tmictl tail', 'npx tmictl tail --json | jq .data'],
  run,
}

interface Message {
  type: string
  cursor?: string
  category?: string
  target?: string
  ts?: string
  data?: unknown
  code?: string
  message?: string
}

async function run(args: Args): Promise<number> {
  const file = connectionFile(loadConfig().dataDir)
  const connection = read(file)
  if (!connection) throw new TmiError('TM501', `There is no ${file}.`, { hint: 'Start tmiDB first, or set TMIDB_DATA.' })
  const stop = new AbortController()
  process.stdout.on('error', () => process.exit(exit.ok))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => stop.abort())
  let cursor: string | undefined
  let wasOpen = false
  while (!stop.signal.aborted) {
    const base = connection.ws.replace(/\/tmi\/ws$/, '')
    const url = new URL(`${base}/ws/${encodeURIComponent(connection.listener.name)}`)
    url.searchParams.set('token', connection.listener.token)
    if (cursor) url.searchParams.set('since', cursor)
    const opened = await follow(url, trusted(connection.certificate), stop.signal, (m) => {
      cursor = m.cursor ?? cursor
      show(m, args.json)
    })
    if (stop.signal.aborted) break
    if (!opened && !wasOpen) {
      process.stderr.write(`Nothing answers at ${base}.\n  Is tmiDB running? See "npx tmictl status".\n`)
      return exit.unreachable
    }
    if (opened) process.stderr.write('The connection broke; trying again.\n')
    wasOpen = true
    await sleep(1000, stop.signal).catch(() => {})
  }
  return exit.ok
}

/** Until the socket closes; whether it was ever open. */
async function follow(url: URL, tls: ConnectionOptions, signal: AbortSignal, onMessage: (m: Message) => void): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = new WebSocket(url, { ...tls, perMessageDeflate: false })
    let opened = false
    socket.addEventListener('open', () => {
      opened = true
    })
    socket.addEventListener('message', (e) => onMessage(JSON.parse(String(e.data)) as Message))
    socket.addEventListener('close', () => resolve(opened))
    socket.addEventListener('error', () => resolve(opened))
    signal.addEventListener('abort', () => {
      socket.close()
      resolve(opened)
    })
  })
}

/** The one certificate that the instance here shows, whoever signed it and for whatever name. */
function trusted(file: string | undefined): ConnectionOptions {
  if (file === undefined) return {}
  const ca = new X509Certificate(readFileSync(file)).toString()
  return { ca, allowPartialTrustChain: true, checkServerIdentity: () => undefined }
}

function show(m: Message, json: boolean): void {
  if (m.type === 'event') {
    process.stdout.write(json ? `${JSON.stringify(m)}\n` : `${m.ts}  ${m.category}  ${m.target}  ${JSON.stringify(m.data)}\n`)
  } else if (m.type === 'ready') process.stderr.write('Waiting for readings; Ctrl-C ends.\n')
  else process.stderr.write(`${m.type}: ${m.message ?? m.code ?? ''}\n`)
}
