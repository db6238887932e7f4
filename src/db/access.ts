// SPDX-License-Identifier: MIT
// Who is at the door. An answer of SQL is kept until SQL says that access changed; while PostgreSQL is away the answers that are
// known stay good, so that devices can go on sending into the streams.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Caller, credentialOf } from '../base/caller.ts'
import { type ErrorCode, TmiError } from '../base/errors.ts'
import { listenTo } from './listen.ts'
import { type Claims, openPool } from './pool.ts'
import { openSignIn } from './sign-in.ts'

export interface Identity {
  kind: 'anonymous' | 'speaker' | 'listener' | 'account'
  claims: Claims
  name: string | null
  tokenId?: string
  /** The one target this speaker may write. */
  target: string | null
  /** Whether its readings may make new targets and categories. */
  mayCreate: boolean
  /** Whether it is told what there is to ask for: introspection, similar names. */
  mayIntrospect?: boolean
  /** Whether it may only send GraphQL documents that are registered. */
  onlyDocuments?: boolean
}

export interface Access extends AsyncDisposable {
  /** By an Authorization header ("Bearer tmi_…", "Basic …", "Token …", a bare token) or a session's cookie; TM101 if it opens nothing. */
  identify(caller: Caller | string | undefined): Promise<Identity>
  /** Called when tokens or subscriptions changed: what was known about somebody may be over. */
  onChange(fn: () => void): () => void
  audit(kind: string, actor: string | null, detail: object): Promise<void>
}

export const anonymous: Identity = {
  kind: 'anonymous',
  claims: { role: 'tmidb_anonymous' },
  name: null,
  target: null,
  mayCreate: false,
}

interface TokenRow {
  token_id: string
  kind: 'speaker' | 'listener'
  name: string
  speaker_id: string | null
  listener_id: string | null
  target: string | null
  may_create: boolean
  expires_at: Date | null
  may_introspect: boolean
  only_documents: boolean
  timeout_ms: number
}

interface SessionRow {
  name: string
  claims: Claims
  expires_at: Date
}

interface Answer {
  identity: Identity
  /** When to ask again. */
  until: number
  /** When the token or session ends, if it does. */
  endsAt?: number
}

const mostKnown = 100_000
const mostRefused = 10_000
/** How long a refused token is not asked for again. */
const refusedForMs = 2000
/** A session's use is written down when it is asked for; a password is looked at again. */
const askedAgainMs = 60_000

export async function openAccess(url: string): Promise<Access> {
  const pool = openPool(url, { max: 2, application: 'access' })
  const signIn = openSignIn(pool)
  const known = new Map<string, Answer>()
  /** Refused a moment ago; apart, so that a flood of wrong tokens does not push the right ones out. */
  const refused = new Map<string, number>()
  const stale = new Map<string, Identity>()
  const changed = new Set<() => void>()
  /** Questions under way: many sockets of one token ask once when access changed. */
  const asking = new Map<string, Promise<Identity>>()
  let generation = 0
  const forget = () => {
    generation++
    asking.clear()
    if (stale.size > mostKnown) stale.clear()
    for (const [key, { identity }] of known) stale.set(key, identity)
    known.clear()
    refused.clear()
    for (const fn of changed) fn()
  }
  /** A token that expires ends what it has open, like one that is revoked. */
  let expiry: { at: number; timer: NodeJS.Timeout } | null = null
  const watchExpiry = (at: number): void => {
    if (expiry !== null && expiry.at <= at) return
    if (expiry !== null) clearTimeout(expiry.timer)
    // Timers take at most 24 days; one that is early looks again.
    const timer = setTimeout(
      () => {
        expiry = null
        forget()
      },
      Math.min(Math.max(at - Date.now(), 0) + 20, 2_000_000_000),
    )
    timer.unref()
    expiry = { at, timer }
  }
  const listening = await listenTo(url, ['access'], forget, forget)

  const lookUp = async (key: string, wrong: ErrorCode, ask: () => Promise<Answer | null>): Promise<Identity> => {
    const now = Date.now()
    const before = known.get(key)
    if (before !== undefined && now < before.until) return before.identity
    if (now < (refused.get(key) ?? 0)) throw new TmiError(wrong)
    const underWay = asking.get(key)
    if (underWay !== undefined) return await underWay
    const answer = askFor(key, wrong, ask, now)
    asking.set(key, answer)
    try {
      return await answer
    } finally {
      if (asking.get(key) === answer) asking.delete(key)
    }
  }

  const askFor = async (key: string, wrong: ErrorCode, ask: () => Promise<Answer | null>, now: number): Promise<Identity> => {
    const asked = generation
    let answer: Answer | null
    try {
      answer = await ask()
    } catch (cause) {
      if (cause instanceof TmiError) throw cause
      const old = stale.get(key)
      if (old !== undefined) return old
      throw new TmiError('TM401', undefined, { cause })
    }
    stale.delete(key)
    // An answer that was under way while access changed may be the old one: it is used once and not kept.
    const keep = asked === generation
    if (answer === null) {
      if (refused.size >= mostRefused) refused.clear()
      if (keep) refused.set(key, now + refusedForMs)
      throw new TmiError(wrong)
    }
    if (known.size >= mostKnown) known.clear()
    if (keep) {
      known.set(key, answer)
      if (answer.endsAt !== undefined) watchExpiry(answer.endsAt)
    }
    return answer.identity
  }

  const byToken = async (token: string): Promise<Identity> => {
    const isSession = token.startsWith('tmi_session_')
    const wrong = isSession ? 'TM110' : 'TM101'
    if (!known.has(token) && !looksRight(token)) throw new TmiError(wrong)
    const hash = () => createHash('sha256').update(token).digest()
    return await lookUp(token, wrong, isSession ? () => bySession(hash()) : () => byHash(hash()))
  }

  const byHash = async (hash: Buffer): Promise<Answer | null> => {
    const { rows } = await pool.query<TokenRow>({
      name: 'authenticate',
      text: 'select * from tmidb.authenticate($1)',
      values: [hash],
    })
    const row = rows[0]
    if (!row) return null
    const endsAt = row.expires_at?.getTime()
    return { identity: identityOf(row), until: endsAt ?? Number.POSITIVE_INFINITY, ...(endsAt === undefined ? {} : { endsAt }) }
  }

  const bySession = async (hash: Buffer): Promise<Answer | null> => {
    const { rows } = await pool.query<SessionRow>({
      name: 'authenticate_session',
      text: 'select name, claims, expires_at from tmidb.authenticate_session($1)',
      values: [hash],
    })
    const row = rows[0]
    if (!row) return null
    const endsAt = row.expires_at.getTime()
    return { identity: personOf(row.claims), until: Math.min(endsAt, Date.now() + askedAgainMs), endsAt }
  }

  const byPassword = async (login: string, password: string, address: string | undefined): Promise<Identity> => {
    const key = `basic ${createHash('sha256').update(`${login}\0${password}`).digest('base64')}`
    return await lookUp(key, 'TM109', async () => {
      try {
        const { claims } = await signIn(login, password, address)
        return { identity: personOf(claims), until: Date.now() + askedAgainMs }
      } catch (e) {
        if (e instanceof TmiError && e.code === 'TM109') return null
        throw e
      }
    })
  }

  return {
    async identify(caller) {
      const authorization = typeof caller === 'object' ? credentialOf(caller) : caller
      const address = typeof caller === 'object' ? caller.address : undefined
      if (authorization === undefined || authorization === '') return anonymous
      const space = authorization.indexOf(' ')
      const scheme = space < 0 ? 'bearer' : authorization.slice(0, space).toLowerCase()
      const rest = space < 0 ? authorization : authorization.slice(space + 1).trim()
      if (scheme === 'bearer' || scheme === 'token') return await byToken(rest)
      if (scheme === 'basic') {
        const text = Buffer.from(rest, 'base64').toString('utf8')
        const colon = text.indexOf(':')
        if (colon < 0) throw new TmiError('TM101')
        const [login, password] = [text.slice(0, colon), text.slice(colon + 1)]
        return password.startsWith('tmi_') ? await byToken(password) : await byPassword(login, password, address)
      }
      throw new TmiError('TM101')
    },
    onChange(fn) {
      changed.add(fn)
      return () => changed.delete(fn)
    },
    async audit(kind, actor, detail) {
      await pool.query('select tmidb.record_audit($1, $2, $3)', [kind, actor, JSON.stringify(detail)])
    },
    async [Symbol.asyncDispose]() {
      if (expiry !== null) clearTimeout(expiry.timer)
      await listening[Symbol.asyncDispose]()
      await pool.end()
    },
  }
}

function personOf(claims: Claims): Identity {
  return { kind: 'account', claims, name: claims.name ?? null, target: null, mayCreate: true, mayIntrospect: true }
}

function identityOf(row: TokenRow): Identity {
  const role = row.kind === 'speaker' ? 'tmidb_speaker' : 'tmidb_listener'
  return {
    kind: row.kind,
    claims: {
      role,
      name: row.name,
      ...(row.speaker_id === null ? {} : { speaker_id: row.speaker_id }),
      ...(row.listener_id === null ? {} : { listener_id: row.listener_id }),
      timeout_ms: row.timeout_ms,
    },
    name: row.name,
    tokenId: row.token_id,
    target: row.target,
    mayCreate: row.may_create,
    mayIntrospect: row.may_introspect,
    onlyDocuments: row.only_documents,
  }
}

const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** The check digits tell a mistyped or invented token without asking the database. */
export function looksRight(token: string): boolean {
  if (!/^tmi_[a-z]+_[0-9A-Za-z]{38}$/.test(token)) return false
  let crc = crc32(token.slice(0, -6))
  let text = ''
  for (let i = 0; i < 6; i++) {
    text = digits[crc % 62] + text
    crc = Math.floor(crc / 62)
  }
  return token.endsWith(text)
}
