// SPDX-License-Identifier: MIT
// Documents that are asked for by their hash: {"id": "sha256:…"}, {"documentId": …} or Apollo's extensions.persistedQuery. A hash is
// its text, so what was looked up once stays right until it is removed. Apollo's "send it once with its hash" is kept in memory only,
// for those who may send any document anyway.
import { createHash } from 'node:crypto'
import { SafeError } from 'postgraphile/grafast'
import type { ParsedGraphQLBody } from 'postgraphile/grafserv'
import type { Identity } from '../../db/access.ts'
import { limits } from './limits.ts'

/** The text of a registered document; null if there is none. */
export type LookUp = (hash: Buffer) => Promise<string | null>

export interface Documents {
  /** Puts the text into the body, or refuses. */
  resolve(body: ParsedGraphQLBody, identity: Identity): Promise<void>
  forget(): void
}

const most = 1000

export function openDocuments(lookUp: LookUp): Documents {
  /** Registered ones, and those that were sent once. */
  const registered = new Map<string, string>()
  const sent = new Map<string, string>()
  let generation = 0

  async function registeredText(hash: string): Promise<string | null> {
    const before = registered.get(hash)
    if (before !== undefined) return before
    const asked = generation
    const text = await lookUp(Buffer.from(hash, 'hex'))
    if (text !== null && asked === generation) keep(registered, hash, text)
    return text
  }

  return {
    forget() {
      generation++
      registered.clear()
    },
    async resolve(body, identity) {
      const { apollo, hash } = askedHash(body)
      const { query } = body
      if (hash === null) {
        if (identity.onlyDocuments) throw refused(403, 'This token may only send registered documents, by their id.')
        return
      }
      const text = await registeredText(hash)
      if (typeof query === 'string' && query !== '') {
        if (createHash('sha256').update(query).digest('hex') !== hash) throw refused(400, 'The hash is not that of the document.')
        if (text === null && identity.onlyDocuments) throw refused(403, 'This document is not registered.')
        if (text === null && apollo && query.length <= limits.longestKept) keep(sent, hash, query)
        return
      }
      const known = text ?? (identity.onlyDocuments ? null : (sent.get(hash) ?? null))
      // Apollo's clients know this word, and send the document along then.
      if (known === null) throw refused(404, apollo ? 'PersistedQueryNotFound' : 'This document is not known here.')
      body.query = known
    },
  }
}

function askedHash(body: ParsedGraphQLBody): { apollo: boolean; hash: string | null } {
  const { id, documentId, extensions } = body as { id?: unknown; documentId?: unknown; extensions?: unknown }
  const apollo = (extensions as { persistedQuery?: { sha256Hash?: unknown } } | undefined)?.persistedQuery?.sha256Hash
  const said = apollo ?? documentId ?? id
  if (said === undefined || said === null) return { apollo: false, hash: null }
  const hash = typeof said === 'string' ? /^(?:sha256:)?([0-9a-f]{64})$/i.exec(said)?.[1]?.toLowerCase() : undefined
  if (hash === undefined) throw refused(400, 'The id of a document is "sha256:" and 64 hexadecimal digits.')
  return { apollo: apollo !== undefined, hash }
}

function keep(map: Map<string, string>, hash: string, text: string): void {
  map.delete(hash)
  map.set(hash, text)
  if (map.size > most)
    for (const oldest of map.keys()) {
      map.delete(oldest)
      break
    }
}

function refused(statusCode: number, message: string): SafeError {
  return new SafeError(message, {
    code: 'TM307',
    hint: 'Register it first (tmictl documents add), or send the query itself if that is allowed.',
    statusCode,
  })
}
