// SPDX-License-Identifier: MIT
// Plain WebSockets. /tmi/ws: the client says what it wants ({"type":"subscribe","category":"sensor","targets":["truck-17"],
// "since":"…","id":"a"}); /ws/{listener}: all the listener may see, at once (?category=&target=&since=). Messages out: ready, event,
// gap, revoked, error.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { bearer, type Caller, callerOf, isShutOut, viaOf } from '../base/caller.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { limitMessages, refuseUpgrade } from '../base/upgrade.ts'
import type { Access, Identity } from '../db/access.ts'
import { admit } from '../db/admit.ts'
import { isReader } from '../db/pool.ts'
import type { Attachment, Hub, LiveEvent, Wish } from './hub.ts'

/** A socket that lets so much pile up is closed; it comes back with its cursor and misses nothing. */
const mostBuffered = 8 * 1024 * 1024
const keepaliveMs = 20_000
/** A message holds a list of targets at most: some thousand keys. */
const mostMessageBytes = 256 * 1024
const messagesPerSecond = 50
const messagesAtOnce = 500
/** Subscriptions of one socket, and, as a rule, sockets of one token. */
const mostSubscriptions = 200
const mostSockets = 1000

export interface LiveSockets extends AsyncDisposable {
  /** False when the address is not one of these. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

export function openLiveSockets(parts: { hub: Hub; access: Access; mostSockets?: number }): LiveSockets {
  const most = parts.mostSockets ?? mostSockets
  const server = new WebSocketServer({ noServer: true, maxPayload: mostMessageBytes, perMessageDeflate: false })
  const alive = new WeakSet<WebSocket>()
  const socketsOf = new Map<string, number>()
  const clients = new Set<Client>()
  const keepalive = setInterval(() => {
    for (const ws of server.clients) {
      if (!alive.delete(ws)) ws.terminate()
      else ws.ping()
    }
  }, keepaliveMs)

  const open = async (
    req: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    path: string,
    search: URLSearchParams,
  ): Promise<void> => {
    const token = search.get('token')
    const caller = callerOf(req)
    caller.authorization ??= bearer(token)
    const identity = await admit(parts.access, caller, 'live')
    if (identity.kind === 'anonymous') throw new TmiError('TM100')
    if (!isReader(identity.claims.role)) throw new TmiError('TM102')
    const named = path.startsWith('/ws/') ? decoded(path.slice(4)) : null
    if (named !== null && !(identity.kind === 'listener' && identity.name === named)) {
      const from = { ...viaOf(caller), role: identity.claims.role, resource: `listener:${named}` }
      void parts.access.audit('access.denied', identity.name, { code: 'TM102', door: 'ws' }, from)
      throw new TmiError('TM102', 'A listener opens only its own address.')
    }
    const who = identity.tokenId ?? identity.name ?? ''
    const held = socketsOf.get(who) ?? 0
    if (held >= most) throw new TmiError('TM400', `This token has ${held} sockets open.`, { hint: 'Close some of them.' })
    server.handleUpgrade(req, socket, head, (ws) => {
      socketsOf.set(who, (socketsOf.get(who) ?? 0) + 1)
      ws.on('close', () => {
        const left = (socketsOf.get(who) ?? 1) - 1
        if (left > 0) socketsOf.set(who, left)
        else socketsOf.delete(who)
      })
      alive.add(ws)
      ws.on('pong', () => alive.add(ws))
      ws.on('error', () => ws.terminate())
      const client = serve(ws, parts, identity, caller)
      clients.add(client)
      ws.on('close', () => clients.delete(client))
      // Rights that changed while they were looked up told nobody yet.
      void client.recheck()
      if (named !== null) {
        client.subscribe({
          category: search.get('category'),
          targets: search.has('target') ? search.getAll('target') : null,
          since: search.get('since'),
        })
      }
    })
  }

  const offChange = parts.access.onChange(() => {
    for (const client of clients) void client.recheck()
  })

  return {
    upgrade(req, socket, head) {
      // Not by URL, which throws on some of what a client may send here.
      const [path = '', search] = (req.url ?? '').split('?', 2)
      if (path !== '/tmi/ws' && !path.startsWith('/ws/')) return false
      open(req, socket, head, path, new URLSearchParams(search)).catch((thrown: unknown) => refuseUpgrade(socket, fromPg(thrown)))
      return true
    },
    async [Symbol.asyncDispose]() {
      clearInterval(keepalive)
      offChange()
      for (const ws of server.clients) ws.close(1001, 'the server is stopping')
      server.close()
      // A client that does not answer the goodbye is not waited for.
      const impatient = setTimeout(() => {
        for (const ws of server.clients) ws.terminate()
      }, 500)
      impatient.unref()
    },
  }
}

function decoded(name: string): string {
  try {
    return decodeURIComponent(name)
  } catch (cause) {
    throw new TmiError('TM303', 'The address is not valid percent-encoding.', { cause })
  }
}

interface Subscribe {
  id?: string
  category?: string | null
  targets?: string[] | null
  since?: string | null
}

interface Client {
  subscribe(message: Subscribe): void
  /** Closes it if it is shut out; what it subscribed to the hub looks after. */
  recheck(): Promise<void>
}

function serve(ws: WebSocket, { hub, access }: { hub: Hub; access: Access }, identity: Identity, caller: Caller): Client {
  const attached = new Map<string, Attachment>()
  const send = (message: object) => ws.send(JSON.stringify(message))
  const fail = (e: TmiError, id: string | undefined) =>
    send({ type: 'error', ...(id === undefined ? {} : { id }), code: e.code, message: e.message, hint: e.hint })

  const revoke = (why: TmiError, id?: string): void => {
    if (ws.readyState !== ws.OPEN) return
    send({ type: 'revoked', ...(id === undefined ? {} : { id }), code: why.code, message: why.message })
    ws.close(4401, 'revoked')
  }

  const subscribe = async (message: Subscribe): Promise<void> => {
    const { id } = message
    const key = id ?? ''
    const idPart = id === undefined ? '' : `"id":${JSON.stringify(id)},`
    try {
      if (attached.size >= mostSubscriptions)
        throw new TmiError('TM400', `A socket has at most ${mostSubscriptions} subscriptions.`, {
          hint: 'Name several targets in one.',
        })
      if (attached.has(key)) throw new TmiError('TM303', 'This id is in use: unsubscribe it first, or use another.')
      const wish: Wish = { identity, caller, category: message.category, targets: message.targets, since: message.since }
      let early: LiveEvent[] | null = []
      const pass = (event: LiveEvent) => {
        if (ws.bufferedAmount > mostBuffered) return ws.close(1013, 'too slow: come back with since')
        ws.send(id === undefined ? event.text : `{"type":"event",${idPart}"cursor":"${event.cursor}",${event.tail}`)
      }
      const attachment = await hub.attach(wish, {
        push: (event) => (early === null ? pass(event) : early.push(event)),
        end(why) {
          if (isShutOut(why)) revoke(why, id)
          else ws.close(1013, why.message.slice(0, 100))
        },
      })
      if (ws.readyState !== ws.OPEN) return attachment.detach()
      attached.set(key, attachment)
      send({ type: 'ready', ...(id === undefined ? {} : { id }), cursor: attachment.cursor })
      // "ready" comes first on the wire, whatever arrived meanwhile.
      const waiting = early
      early = null
      for (const event of waiting) pass(event)
    } catch (thrown) {
      fail(fromPg(thrown), id)
    }
  }

  const unsubscribe = async ({ id }: Subscribe): Promise<void> => {
    attached.get(id ?? '')?.detach()
    attached.delete(id ?? '')
    send({ type: 'unsubscribed', ...(id === undefined ? {} : { id }) })
  }

  // One after the other: of two at once with the same id, one would be forgotten and never end.
  let turn: Promise<unknown> = Promise.resolve()
  const inTurn = (step: () => Promise<unknown>): void => {
    turn = turn.then(step).catch(() => ws.terminate())
  }

  ws.on('message', (data) => {
    const message = parse(String(data))
    if ('wrong' in message)
      return fail(
        new TmiError('TM303', message.wrong, { hint: 'Send {"type":"subscribe",…} or {"type":"unsubscribe"}.' }),
        message.id,
      )
    inTurn(() => (message.type === 'subscribe' ? subscribe(message) : unsubscribe(message)))
  })
  limitMessages(ws, messagesPerSecond, messagesAtOnce)
  ws.on('close', () => {
    for (const attachment of attached.values()) attachment.detach()
    attached.clear()
  })
  return {
    subscribe: (message) => inTurn(() => subscribe(message)),
    async recheck() {
      try {
        const now = await access.identify(caller)
        if (!isReader(now.claims.role)) revoke(new TmiError('TM102'))
      } catch (e) {
        if (isShutOut(e)) revoke(e as TmiError)
      }
    },
  }
}

type Message = Subscribe & { type: 'subscribe' | 'unsubscribe' }

/** The message, or what is wrong with it and the id that it gave. */
function parse(text: string): Message | { wrong: string; id?: string } {
  let m: Record<string, unknown> | null
  try {
    m = JSON.parse(text)
  } catch {
    return { wrong: 'This is not JSON.' }
  }
  if (m === null || typeof m !== 'object' || Array.isArray(m)) return { wrong: 'A message is a JSON object.' }
  const { type, id, category, targets, since } = m
  if (id !== undefined && typeof id !== 'string') return { wrong: '"id" is a text.' }
  const wrong = (sentence: string) => ({ wrong: sentence, ...(id === undefined ? {} : { id }) })
  const isText = (v: unknown) => v == null || typeof v === 'string'
  if (type !== 'subscribe' && type !== 'unsubscribe') return wrong('"type" is "subscribe" or "unsubscribe".')
  if (!isText(category)) return wrong('"category" is a text.')
  if (!isText(since)) return wrong('"since" is a text: a cursor or a time.')
  if (targets != null && !(Array.isArray(targets) && targets.every((t) => typeof t === 'string')))
    return wrong('"targets" is a list of texts: ["truck-1"].')
  return m as unknown as Message
}
