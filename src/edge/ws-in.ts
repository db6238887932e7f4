// SPDX-License-Identifier: MIT
// Readings by WebSocket: /ws/in, /ws/in/{category}, /ws/in/{category}/{target}. A message is what a request is over HTTP, and is
// answered when it is on disk, in the order of the messages: {"type":"ack"} or {"type":"error"} with its number and its own "mid".
// A sender may have many under way; beyond that its socket is not read, so that TCP holds it back.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { bearer, type Caller, callerOf, credentialOf, isShutOut } from '../base/caller.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { refuseUpgrade } from '../base/upgrade.ts'
import type { Identity } from '../db/access.ts'
import { admit, pace } from '../db/admit.ts'
import { sendsNone } from '../db/pool.ts'
import { refusal, taken } from './answer.ts'
import { mostBytes } from './body.ts'
import { membersOf, readEnvelope, writtenMid } from './envelope.ts'
import { addressed } from './http.ts'
import type { Intake } from './intake.ts'

const keepaliveMs = 20_000
/** Messages and bytes of one socket that are not answered yet; from there on it is not read until half of them are. */
const mostWaiting = 1024
const mostWaitingBytes = 4 * 1024 * 1024
/** A socket that has still to say who it is: for how long, with how many bytes, and how many of them there may be. */
const authMs = 10_000
const mostAuthBytes = 64 * 1024
const mostStrangers = 1000
/** How long answers are waited for before a socket is closed. */
const revokedMs = 300
const goodbyeMs = 2000

export interface WsIntake extends AsyncDisposable {
  /** False when the address is not one of these. */
  upgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
}

interface Sender {
  recheck(): Promise<void>
  /** Answers what is under way and closes. */
  end(): Promise<void>
  isPaused(): boolean
}

export function openWsIntake(intake: Intake, options: { authMs?: number } = {}): WsIntake {
  const server = new WebSocketServer({
    noServer: true,
    maxPayload: mostBytes,
    perMessageDeflate: false,
    // The gate says where the text is no UTF-8; ws would only close.
    skipUTF8Validation: true,
  })
  const senders = new Map<WebSocket, Sender>()
  const alive = new WeakSet<WebSocket>()
  let strangers = 0
  const keepalive = setInterval(() => {
    for (const [ws, sender] of senders) {
      if (!alive.delete(ws) && !sender.isPaused()) ws.terminate()
      else ws.ping()
    }
  }, keepaliveMs)
  const offChange = intake.access.onChange(() => {
    for (const sender of senders.values()) void sender.recheck()
  })

  const open = async (req: IncomingMessage, socket: Duplex, head: Buffer, path: string, search: string): Promise<void> => {
    const { category, target } = addressed(path.slice('/ws/in/'.length))
    const token = new URLSearchParams(search).get('token')
    const caller = callerOf(req)
    caller.authorization ??= bearer(token)
    const identity = credentialOf(caller) === undefined ? null : mayWrite(await admit(intake.access, caller, 'live'))
    if (identity === null && strangers >= mostStrangers) throw new TmiError('TM400')
    server.handleUpgrade(req, socket, head, (ws) => {
      alive.add(ws)
      ws.on('pong', () => alive.add(ws))
      // ws has sent the reason (1009 too large, 1002 no WebSocket) and closes; who does not answer is not waited for.
      ws.on('error', () => setTimeout(() => ws.terminate(), 1000).unref())
      ws.on('close', () => senders.delete(ws))
      if (identity === null) {
        strangers++
        limitStranger(ws, socket, options.authMs ?? authMs, () => strangers--)
      }
      const sender = serve(ws, intake, { category: category === '' ? null : category, target }, caller, identity)
      senders.set(ws, sender)
      // Rights that changed while they were looked up told nobody yet.
      void sender.recheck()
    })
  }

  return {
    upgrade(req, socket, head) {
      const [path = '', search = ''] = (req.url ?? '').split('?', 2)
      if (path !== '/ws/in' && !path.startsWith('/ws/in/')) return false
      open(req, socket, head, path, search).catch((thrown: unknown) => refuseUpgrade(socket, fromPg(thrown)))
      return true
    },
    async [Symbol.asyncDispose]() {
      clearInterval(keepalive)
      offChange()
      await Promise.all([...senders.values()].map((sender) => sender.end()))
      server.close()
      const impatient = setTimeout(() => {
        for (const ws of server.clients) ws.terminate()
      }, 500)
      impatient.unref()
    },
  }
}

/** TM100, TM101 or TM102 unless readings may come from there. */
function mayWrite(identity: Identity): Identity {
  if (identity.kind === 'anonymous') throw new TmiError('TM100')
  if (identity.claims.speaker_id === undefined) throw sendsNone(identity.claims)
  return identity
}

/** Until it is authenticated: the time and the bytes that a stranger has. */
function limitStranger(ws: WebSocket, socket: Duplex, ms: number, onEnd: () => void): void {
  let bytes = 0
  const count = (chunk: Buffer): void => {
    bytes += chunk.length
    if (bytes > mostAuthBytes) ws.terminate()
  }
  const patience = setTimeout(() => {
    ws.send(errorText({}, new TmiError('TM100')))
    ws.close(4401, 'no token')
  }, ms)
  const end = (): void => {
    clearTimeout(patience)
    socket.off('data', count)
    ws.off('close', end)
    ws.off('authenticated', end)
    onEnd()
  }
  socket.on('data', count)
  ws.on('close', end)
  ws.on('authenticated', end)
}

function serve(
  ws: WebSocket,
  intake: Intake,
  place: { category: string | null; target: string | null },
  caller: Caller,
  identity: Identity | null,
): Sender {
  let seq = 0
  let waiting = 0
  let waitingBytes = 0
  let paused = false
  let ending = false
  /** Messages that came while a token was being looked at. */
  let early: Buffer[] | null = null
  /** When all messages so far are answered. */
  let tail: Promise<unknown> = Promise.resolve()

  const say = (text: string, done?: () => void): void => {
    if (ws.readyState === ws.OPEN) ws.send(text, done)
    else done?.()
  }
  const flow = (): void => {
    const [most, mostBytes] = paused ? [mostWaiting / 2, mostWaitingBytes / 2] : [mostWaiting, mostWaitingBytes]
    const pause = early !== null || waiting > most || waitingBytes > mostBytes
    if (pause === paused) return
    paused = pause
    if (pause) ws.pause()
    else ws.resume()
  }
  /** An answer counts as under way until it has left: who does not read his answers is not read either. */
  const release = (bytes: number): void => {
    waiting--
    waitingBytes -= bytes
    flow()
  }

  const take = async (message: Buffer, number: { seq: number; mid?: string }, before: Promise<unknown>): Promise<string> => {
    try {
      const members = membersOf(message)
      const mid = writtenMid(message, members)
      if (mid !== null) number.mid = mid
      const who = identity as Identity
      // Over its limit a socket waits, and is read no further; it may be over by then.
      const turn = pace(intake.access, who, caller)
      if (turn !== null) await turn
      if (turn !== null && ending) throw new TmiError('TM101')
      const incoming =
        place.category === null
          ? readEnvelope(message, members)
          : { category: place.category, target: place.target, mid: null, body: message }
      // Names are asked for one after the other: else a message whose target is known would overtake one whose is not.
      if (!who.mayCreate) await before
      return ackText(number, taken(await intake.take({ ...incoming, identity: who, format: 'json' })))
    } catch (thrown) {
      return errorText(number, refusal(thrown).e)
    }
  }

  const receive = (message: Buffer): void => {
    const bytes = message.length
    waiting++
    waitingBytes += bytes
    flow()
    const before = tail
    const answer = take(message, { seq: ++seq }, before)
    tail = before.then(async () => {
      const text = await answer
      say(text, () => release(bytes))
    })
  }

  const leave = (code: number, reason: string): void => {
    ending = true
    ws.close(code, reason)
    // A socket that is not read does not see the other's goodbye.
    ws.resume()
  }

  const recheck = async (): Promise<void> => {
    const asked = caller
    if (identity === null) return
    try {
      const now = mayWrite(await intake.access.identify(asked))
      if (asked === caller) identity = now
    } catch (thrown) {
      const e = fromPg(thrown)
      if (asked !== caller || ending || !isShutOut(e)) return
      ending = true
      // What was taken before is answered, if that is soon.
      await Promise.race([tail, sleep(revokedMs)])
      say(JSON.stringify({ type: 'revoked', code: e.code, message: e.message }))
      leave(4401, 'revoked')
    }
  }

  const authenticate = async (token: string): Promise<void> => {
    early = []
    flow()
    try {
      caller = { ...caller, authorization: bearer(token) }
      identity = mayWrite(await admit(intake.access, caller, 'live'))
    } catch (thrown) {
      const e = fromPg(thrown)
      ending = true
      // What was taken before is answered, if that is soon.
      await Promise.race([tail, sleep(revokedMs)])
      say(errorText({}, e))
      leave(isShutOut(e) ? 4401 : 1013, isShutOut(e) ? 'not authorized' : 'come again')
      return
    }
    ws.emit('authenticated')
    ready()
    void recheck()
    const waitingOnes: Buffer[] = early
    early = null
    for (const message of waitingOnes) arrive(message)
    flow()
  }

  const arrive = (message: Buffer): void => {
    if (ending) return
    if (early !== null) return void early.push(message)
    const token = authToken(message)
    if (token !== null) return void authenticate(token)
    if (identity !== null) receive(message)
    else {
      say(errorText({}, new TmiError('TM100', undefined, { hint: 'Send {"type":"auth","token":"…"} first.' })))
      leave(4401, 'no token')
    }
  }
  const ready = (): void => say(JSON.stringify({ type: 'ready', speaker: identity?.name ?? null }))

  ws.on('message', (data) => arrive(data as Buffer))
  if (identity !== null) ready()

  return {
    isPaused: () => paused,
    recheck,
    async end() {
      ending = true
      await Promise.race([tail, sleep(goodbyeMs)])
      leave(1001, 'the server is stopping')
    },
  }
}

/** {"type":"auth","token":"…"} and nothing else; any other message is a reading's. */
function authToken(message: Buffer): string | null {
  if (message.length > 1000 || !message.includes('"auth"')) return null
  try {
    const { type, token, ...more } = JSON.parse(message.toString()) as Record<string, unknown>
    return type === 'auth' && typeof token === 'string' && Object.keys(more).length === 0 ? token : null
  } catch {
    return null
  }
}

/** A message id goes back letter by letter as it came: a number beyond 2^53 too. */
function headOf(type: string, { seq, mid }: { seq?: number; mid?: string }): string {
  return `{"type":"${type}"${mid === undefined ? '' : `,"mid":${mid}`}${seq === undefined ? '' : `,"seq":${seq}`},`
}

function ackText(number: { seq?: number; mid?: string }, body: object): string {
  return headOf('ack', number) + JSON.stringify(body).slice(1)
}

function errorText(number: { seq?: number; mid?: string }, e: TmiError): string {
  const { code, message, hint, details } = e
  const body = { code, message, hint, ...(details === undefined ? {} : { details }) }
  return headOf('error', number) + JSON.stringify(body).slice(1)
}
