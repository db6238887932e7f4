// SPDX-License-Identifier: MIT
// One web document, from an address that somebody wrote down. On every hop the address that is connected to is checked; time, size
// (unpacked) and redirects are bounded; what is meant for one host goes to no other.
import * as http from 'node:http'
import * as https from 'node:https'
import { isIP } from 'node:net'
import type { Readable } from 'node:stream'
import * as zlib from 'node:zlib'
import { TmiError } from '../base/errors.ts'
import { type AddressRules, checkAddress, guardedLookup } from '../base/public-address.ts'
import type { HostTurns } from './host-turns.ts'

export interface FetchRequest {
  url: string
  method?: string
  headers?: Record<string, string>
  body?: string
  etag?: string
  lastModified?: string
  timeoutMs: number
  maxBytes: number
  signal?: AbortSignal
}

export interface Fetched {
  status: number
  /** Null for 304. */
  body: Buffer | null
  contentType: string
  etag?: string
  lastModified?: string
}

/** What is known of an answer that is of no use. */
export class FetchError extends TmiError {
  httpStatus?: number
  retryAfterS?: number
}

const mostRedirects = 3
const connectMs = 10_000
const redirects = new Set([301, 302, 303, 307, 308])

export async function fetchDocument(request: FetchRequest, rules: AddressRules, turns: HostTurns): Promise<Fetched> {
  let url = parseUrl(request.url)
  let method = request.method ?? 'GET'
  let headers = request.headers ?? {}
  let body = request.body
  let left = request.timeoutMs
  for (let hop = 0; ; hop++) {
    const answer = await turns.take(url.hostname, async () => {
      const began = Date.now()
      try {
        return await once(url, method, headers, body, { ...request, timeoutMs: Math.max(left, 1) }, rules)
      } finally {
        left -= Date.now() - began
      }
    })
    if (!('location' in answer)) return answer
    if (hop === mostRedirects) throw failed(`It redirects more than ${mostRedirects} times.`, answer.status)
    const next = parseUrl(answer.location, url)
    if (answer.status === 303 || (method === 'POST' && (answer.status === 301 || answer.status === 302))) {
      method = 'GET'
      body = undefined
    }
    if (next.origin !== url.origin) {
      if (body !== undefined) throw failed('It redirects to another host, which may not have the body.', answer.status)
      headers = {}
    }
    url = next
  }
}

function parseUrl(text: string, base?: URL): URL {
  let url: URL
  try {
    url = new URL(text, base)
  } catch (cause) {
    throw new TmiError('TM221', 'This is no address.', { cause })
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw new TmiError('TM221', `${url.protocol} is not fetched, only http and https.`)
  }
  url.username = ''
  url.password = ''
  return url
}

type Answer = Fetched | { status: number; location: string }

async function once(
  url: URL,
  method: string,
  headers: Record<string, string>,
  body: string | undefined,
  request: FetchRequest,
  rules: AddressRules,
): Promise<Answer> {
  const host = url.hostname.replace(/^\[|\]$/g, '')
  // An address is not looked up, so the guard of the look-up would never see it. URL has made 0x7f.1 and 2130706433 plain.
  if (isIP(host) !== 0) checkAddress(host, host, rules)
  const over = AbortSignal.timeout(request.timeoutMs)
  const signal = request.signal ? AbortSignal.any([over, request.signal]) : over
  const asked = (url.protocol === 'https:' ? https : http).request(url, {
    method,
    headers: {
      'user-agent': 'tmiDB',
      accept: '*/*',
      ...headers,
      ...(request.etag ? { 'if-none-match': request.etag } : {}),
      ...(request.lastModified ? { 'if-modified-since': request.lastModified } : {}),
      'accept-encoding': 'gzip, deflate, br',
      ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }),
    },
    // A connection of its own: a kept one would have been checked for somebody else's rules.
    agent: false,
    lookup: guardedLookup(rules),
    signal,
  })
  try {
    const response = await begun(asked, body)
    try {
      return await answerOf(response, request)
    } finally {
      response.destroy()
    }
  } catch (e) {
    if (e instanceof TmiError) throw e
    if (over.aborted) throw failed('It took too long.', undefined, e)
    if (request.signal?.aborted) throw e
    throw failed(`It cannot be reached: ${(e as Error).message || (e as { code?: string }).code}.`, undefined, e)
  } finally {
    asked.destroy()
  }
}

async function begun(asked: http.ClientRequest, body: string | undefined): Promise<http.IncomingMessage> {
  let timer: NodeJS.Timeout | undefined
  try {
    return await new Promise<http.IncomingMessage>((resolve, reject) => {
      asked.on('error', reject)
      asked.on('response', resolve)
      asked.on('upgrade', (_response, socket) => {
        socket.destroy()
        reject(new Error('it wants to change the protocol'))
      })
      timer = setTimeout(() => reject(new Error(`no connection within ${connectMs / 1000} s`)), connectMs)
      asked.on('socket', (socket) => socket.once('connect', () => clearTimeout(timer)))
      asked.end(body)
    })
  } finally {
    clearTimeout(timer)
  }
}

async function answerOf(response: http.IncomingMessage, request: FetchRequest): Promise<Answer> {
  const status = response.statusCode ?? 0
  const { etag, location } = response.headers
  const known = {
    status,
    contentType: response.headers['content-type'] ?? '',
    ...(etag ? { etag: etag.slice(0, 500) } : {}),
    ...(response.headers['last-modified'] ? { lastModified: response.headers['last-modified'].slice(0, 100) } : {}),
  }
  if (status === 304 && (request.etag || request.lastModified)) return { ...known, body: null }
  if (redirects.has(status) && location !== undefined) return { status, location }
  if (status < 200 || status > 299) {
    throw failed(
      `It answered ${status}${response.statusMessage ? ` ${response.statusMessage.slice(0, 80)}` : ''}.`,
      status,
      undefined,
      retryAfter(response),
    )
  }
  return { ...known, body: await bodyOf(response, request.maxBytes) }
}

async function bodyOf(response: http.IncomingMessage, maxBytes: number): Promise<Buffer> {
  const plain = unpacked(response)
  const chunks: Buffer[] = []
  let size = 0
  try {
    for await (const chunk of plain as AsyncIterable<Buffer>) {
      size += chunk.length
      // Counted as it is unpacked: a bomb is left unread from here on.
      if (size > maxBytes) throw failed(`It is larger than ${maxBytes} bytes.`, response.statusCode)
      chunks.push(chunk)
    }
  } finally {
    plain.destroy()
  }
  if (!response.complete) throw new Error('the answer broke off')
  return Buffer.concat(chunks, size)
}

function unpacked(response: http.IncomingMessage): Readable {
  const coding = (response.headers['content-encoding'] ?? 'identity').trim().toLowerCase()
  if (coding === 'identity' || coding === '') return response
  const packed =
    coding === 'gzip' || coding === 'x-gzip'
      ? zlib.createGunzip()
      : coding === 'deflate'
        ? zlib.createInflate()
        : coding === 'br'
          ? zlib.createBrotliDecompress()
          : null
  if (packed === null) throw failed(`Its content encoding ${coding.slice(0, 40)} is not understood.`, response.statusCode)
  response.on('error', (e) => packed.destroy(e))
  response.on('aborted', () => packed.destroy(new Error('the answer broke off')))
  return response.pipe(packed)
}

/** Seconds, or until a date. */
function retryAfter(response: http.IncomingMessage): number | undefined {
  const text = response.headers['retry-after']
  if (text === undefined) return undefined
  const seconds = /^\d{1,9}$/.test(text) ? Number(text) : (Date.parse(text) - Date.now()) / 1000
  return Number.isFinite(seconds) && seconds > 0 ? Math.ceil(seconds) : undefined
}

function failed(message: string, httpStatus?: number, cause?: unknown, retryAfterS?: number): FetchError {
  const e = new FetchError('TM222', message, cause === undefined ? {} : { cause })
  if (httpStatus !== undefined) e.httpStatus = httpStatus
  if (retryAfterS !== undefined) e.retryAfterS = retryAfterS
  return e
}
