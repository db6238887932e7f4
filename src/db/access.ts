// SPDX-License-Identifier: MIT
// Who is at the door. An answer of SQL is kept until SQL says that access changed; while PostgreSQL is away the answers that are
// known stay good, so that devices can go on sending into the streams.
import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Caller, credentialOf, viaOf } from '../base/caller.ts'
import { type ErrorCode, TmiError } from '../base/errors.ts'
import { allowList } from './allow-list.ts'
import { type AuditEvent, openAudit } from './audit.ts'
import { listenTo } from './listen.ts'
import { type Claims, isBound, openPool } from './pool.ts'
import { type RateLimits, rateLimits } from './rate-limits.ts'
import { hashOf } from './sessions.ts'
import { openSignIn, tellRefused } from './sign-in.ts'
import { openTokenUses } from './token-uses.ts'

export interface Identity {
  kind: 'anonymous' | 'speaker' | 'listener' | 'account'
  claims: Claims
  name: string | null
  tokenId?: string
  /** The one target this speaker may write. */
  target: string | null
  /** Whether it writes whatever it likes, new targets and categories too; else SQL is asked what it may (tmidb.refused_targets). */
  mayCreate: boolean
  /** Whether it is told what there is to ask for: introspection, similar names. */
  mayIntrospect?: boolean
  /** Whether it may only send GraphQL documents that are registered. */
  onlyDocuments?: boolean
}

export interface Access extends AsyncDisposable {
  /** By an Authorization header ("Bearer tmi_…", "Basic …", "Token …", a bare token) or a session's cookie; TM101 if it opens nothing. */
  identify(caller: Caller | string | undefined): Promise<Identity>
  /** What there may be of requests; a door asks by admit(). */
  limits: RateLimits
  /** Called when tokens or subscriptions changed: what was known about somebody may be over. */
  onChange(fn: () => void): () => void
  /** Writes down what a door refused or ended; floods are counted (audit.ts). */
  audit(kind: string, actor: string | null, detail: object, from?: AuditEvent['from']): Promise<void>
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
  kind: 'speaker' | 'listener' | 'user'
  name: string
  claims: Claims
  target: string | null
  may_create: boolean
  expires_at: Date | null
  may_introspect: boolean
  only_documents: boolean
  allow_from: string[] | null
}

interface SessionRow {
  claims: Claims
  expires_at: Date
}

interface Answer {
  identity: Identity
  /** When to ask again. */
  until: number
  /** When the token or session ends, if it does. */
  endsAt?: number
  /** Where it may come from; absent: from anywhere. */
  allows?: (address: string | undefined) => boolean
}

const mostKnown = 100_000
const mostRefused = 10_000
/** How long a refused token is not asked for again. */
const refusedForMs = 2000
/** A session's use is written down when it is asked for; a password is looked at again. */
const askedAgainMs = 60_000
/** Everybody may end tokens of their own; whoever does it all the time does not make everything be asked anew all the time. */
const forgetEveryMs = 100

export async function openAccess(url: string): Promise<Access> {
  const pool = openPool(url, { max: 2, application: 'access' })
  /** For what may wait for somebody: it never keeps "who is this?" from being answered. */
  const beside = openPool(url, { max: 2, application: 'access-beside' })
  const signIn = openSignIn(beside)
  const known = new Map<string, Answer>()
  /** Refused a moment ago; apart, so that a flood of wrong tokens does not push the right ones out. */
  const refused = new Map<string, number>()
  /** What was known of speakers before access changed: only good while PostgreSQL is away. What ended is not in it. */
  const stale = new Map<string, Answer>()
  const uses = openTokenUses(beside)
  /** Callers that were counted: what is open asks again with the same one. */
  const counted = new WeakSet<Caller>()
  const changed = new Set<() => void>()
  /** Questions under way: many sockets of one token ask once when access changed. */
  const asking = new Map<string, Promise<Answer>>()
  let generation = 0
  const forget = () => {
    generation++
    asking.clear()
    if (stale.size > mostKnown) stale.clear()
    for (const [key, answer] of known) if (answer.identity.kind === 'speaker') stale.set(key, answer)
    known.clear()
    refused.clear()
    for (const fn of changed) fn()
  }
  let forgotAt = Number.NEGATIVE_INFINITY
  let forgetting: NodeJS.Timeout | null = null
  const forgetSoon = (): void => {
    if (forgetting !== null) return
    const wait = forgotAt + forgetEveryMs - performance.now()
    const now = () => {
      forgetting = null
      forgotAt = performance.now()
      forget()
    }
    if (wait <= 0) now()
    else forgetting = setTimeout(now, wait)
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
        forgetSoon()
      },
      Math.min(Math.max(at - Date.now(), 0) + 20, 2_000_000_000),
    )
    timer.unref()
    expiry = { at, timer }
  }
  const limits = rateLimits(pool)
  // Who is away keeps what it knew; it is asked again when PostgreSQL is back.
  const reload = () => void limits.load().catch(() => {})
  const anew = () => {
    forget()
    // What ended meanwhile was told to nobody.
    stale.clear()
    reload()
  }
  const heard = (what: string): void => {
    if (what === 'rates') {
      reload()
      return
    }
    const [, ended] = /^token (\d+)$/.exec(what) ?? []
    if (ended !== undefined) {
      for (const answers of [known, stale])
        for (const [key, { identity }] of answers) if (identity.tokenId === ended) answers.delete(key)
    }
    forgetSoon()
  }
  const listening = await listenTo(url, ['access'], heard, anew)
  await limits.load()
  const log = openAudit(async ({ kind, actor, detail, from: { resource, ...via } = {} }) => {
    await beside.query('select tmidb.record_audit($1, $2, $3, $4, p_via => $5)', [
      kind,
      actor ?? 'nobody',
      JSON.stringify(detail),
      resource ?? null,
      JSON.stringify(via),
    ])
  })

  const lookUp = async (key: string, wrong: ErrorCode, ask: () => Promise<Answer | null>): Promise<Answer> => {
    const now = Date.now()
    const before = known.get(key)
    if (before !== undefined && now < before.until) return before
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

  const askFor = async (key: string, wrong: ErrorCode, ask: () => Promise<Answer | null>, now: number): Promise<Answer> => {
    const asked = generation
    let answer: Answer | null
    try {
      answer = await ask()
    } catch (cause) {
      if (cause instanceof TmiError) throw cause
      const old = isAway(cause) ? stale.get(key) : undefined
      if (old !== undefined && now < (old.endsAt ?? Number.POSITIVE_INFINITY)) return old
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
    return answer
  }

  const byToken = async (token: string, caller: Caller): Promise<Identity> => {
    const isSession = token.startsWith('tmi_session_')
    const wrong = isSession ? 'TM110' : 'TM101'
    if (!known.has(token) && !looksRight(token)) throw new TmiError(wrong)
    const ask = async () => await (isSession ? bySession : byHash)(hashOf(token))
    const { identity, allows } = await lookUp(token, wrong, ask)
    if (allows !== undefined && !allows(caller.address)) {
      // Its key is good and its address is not: whoever owns it should hear of that.
      const { name, tokenId, claims } = identity
      const from = { ...viaOf(caller), role: claims.role, resource: `token:${tokenId}` }
      void access.audit('token.refused', name, { code: 'TM111', token_id: tokenId }, from)
      throw new TmiError('TM111')
    }
    if (identity.tokenId !== undefined && !counted.has(caller)) {
      counted.add(caller)
      uses.count(identity.tokenId)
    }
    return identity
  }

  const byHash = async (hash: Buffer): Promise<Answer | null> => {
    const { rows } = await pool.query<TokenRow>({
      name: 'authenticate',
      text: 'select * from tmidb.authenticate($1)',
      values: [hash],
    })
    const row = rows[0]
    if (!row) return null
    const answer: Answer = { identity: identityOf(row), until: Number.POSITIVE_INFINITY }
    if (row.expires_at !== null) answer.until = answer.endsAt = row.expires_at.getTime()
    if (row.allow_from !== null) answer.allows = allowList(row.allow_from)
    return answer
  }

  const bySession = async (hash: Buffer): Promise<Answer | null> => {
    const { rows } = await pool.query<SessionRow>({
      name: 'authenticate_session',
      text: 'select claims, expires_at from tmidb.authenticate_session($1)',
      values: [hash],
    })
    const row = rows[0]
    if (!row) return null
    const endsAt = row.expires_at.getTime()
    return { identity: personOf(row.claims), until: Math.min(endsAt, Date.now() + askedAgainMs), endsAt }
  }

  const byPassword = async (login: string, password: string, caller: Caller): Promise<Identity> => {
    const key = `basic ${createHash('sha256').update(`${login}\0${password}`).digest('base64')}`
    const { identity } = await lookUp(key, 'TM109', async () => {
      try {
        const { claims } = await signIn(login, password, caller.address)
        return { identity: personOf(claims), until: Date.now() + askedAgainMs }
      } catch (e) {
        await tellRefused(access, e, caller)
        if (e instanceof TmiError && e.code === 'TM109') return null
        throw e
      }
    })
    return identity
  }

  const access: Access = {
    async identify(asked) {
      const caller = typeof asked === 'object' ? asked : { authorization: asked }
      const authorization = credentialOf(caller)
      if (authorization === undefined || authorization === '') return anonymous
      const space = authorization.indexOf(' ')
      const scheme = space < 0 ? 'bearer' : authorization.slice(0, space).toLowerCase()
      const rest = space < 0 ? authorization : authorization.slice(space + 1).trim()
      if (scheme === 'bearer' || scheme === 'token') return await byToken(rest, caller)
      if (scheme === 'basic') {
        const text = Buffer.from(rest, 'base64').toString('utf8')
        const colon = text.indexOf(':')
        if (colon < 0) throw new TmiError('TM101')
        const [login, password] = [text.slice(0, colon), text.slice(colon + 1)]
        return password.startsWith('tmi_') ? await byToken(password, caller) : await byPassword(login, password, caller)
      }
      throw new TmiError('TM101')
    },
    limits,
    onChange(fn) {
      changed.add(fn)
      return () => changed.delete(fn)
    },
    audit: (kind, actor, detail, from) => log.tell({ kind, actor, detail, from }),
    async [Symbol.asyncDispose]() {
      if (expiry !== null) clearTimeout(expiry.timer)
      if (forgetting !== null) clearTimeout(forgetting)
      await listening[Symbol.asyncDispose]()
      await uses[Symbol.asyncDispose]()
      await log[Symbol.asyncDispose]()
      await beside.end()
      await pool.end()
    },
  }
  return access
}

/** Whether PostgreSQL is not there, as opposed to slow, busy or of another opinion. */
function isAway(e: unknown): boolean {
  const { code, message } = e as { code?: unknown; message?: unknown }
  return (
    (typeof code === 'string' && /^(ECONNREFUSED|ECONNRESET|ENOENT|EPIPE|57P0[123]|08...)$/.test(code)) ||
    (typeof message === 'string' && /^Connection terminated/.test(message) && !message.includes('timeout'))
  )
}

function personOf(claims: Claims): Identity {
  return {
    kind: 'account',
    claims,
    name: claims.name ?? null,
    target: null,
    mayCreate: !isBound(claims.role),
    mayIntrospect: true,
  }
}

function identityOf(row: TokenRow): Identity {
  return {
    kind: row.kind === 'user' ? 'account' : row.kind,
    claims: row.claims,
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
