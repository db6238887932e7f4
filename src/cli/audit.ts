// SPDX-License-Identifier: MIT
// The audit: who did what, and the proof that nobody changed what it says.

import { TmiError } from '../base/errors.ts'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, refuseForeign, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

const text = { type: 'string' } as const

export const command: Command = {
  summary: 'Who did what, when and from where; and whether anybody changed what the audit says.',
  usage: `audit list [--kind token.revoked] [--actor <name>] [--resource listener:A] [--since 2h] [--limit 50]
       tmictl audit kinds: every kind of event and what it means
       tmictl audit verify [--head <place>:<hash>]: checks the whole chain; --head is an end that it printed before
           exit 7: something was changed or taken out
           each takes --postgres <url> (default: the administrator of connection.json)`,
  examples: ['npx tmictl audit list --kind grant. --since 7d', 'npx tmictl audit verify --head "$(cat audit-head.txt)"'],
  options: { kind: text, actor: text, resource: text, since: text, limit: text, head: text, postgres: text },
  run,
}

interface Row {
  seq: string | null
  at: string
  kind: string
  actor: string | null
  role: string | null
  resource: string | null
  detail: Record<string, unknown>
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  address: string | null
  agent: string | null
  request_id: string | null
}

interface Verdict {
  checked: string
  head_seq: string
  head_hash: string
  broken_seq: string | null
  why: string | null
  unsealed: string
}

const verbs: Record<string, (args: Args) => Promise<number>> = { list, kinds, verify }
const own: Record<string, string[]> = { list: ['kind', 'actor', 'resource', 'since', 'limit'], verify: ['head'] }

async function run(args: Args): Promise<number> {
  const [verb, ...more] = args.positionals
  const found = verb !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (found === undefined) {
    const near = verb === undefined ? null : nearestWord(verb, Object.keys(verbs))
    throw new UsageError(
      verb === undefined ? 'Say what to do.' : `There is no "audit ${verb}".${near ? ` Did you mean "${near}"?` : ''}`,
    )
  }
  if (more.length > 0) throw new UsageError(`"${more[0]}" is one word too many.`)
  refuseForeign(`audit ${verb}`, args.values, own[verb as string] ?? [])
  return await found(args)
}

async function list(args: Args): Promise<number> {
  const { kind, actor, resource, since, postgres } = args.values as Record<string, string | undefined>
  const limit = Number(args.values.limit ?? 50)
  if (!Number.isInteger(limit) || limit < 1 || limit > 100_000)
    throw new UsageError(`"${args.values.limit}" is not a number of rows (1 to 100000).`)
  const rows = await withDatabase(postgres, async (ask) => {
    if (kind !== undefined) await mustBeKind(ask, kind)
    return await ask<{ row: Row }>('select to_jsonb(a) as row from tmidb.audit_rows($1, $2, $3, $4, $5) a', [
      kind ?? null,
      actor ?? null,
      resource ?? null,
      since === undefined ? null : startOf(since),
      limit,
    ])
  })
  const found = rows.map(({ row }) => row)
  if (args.json) printJson({ events: found })
  else if (found.length === 0) print('Nothing of that is in the audit.')
  else for (const row of found) print(line(row))
  return exit.ok
}

/** One of the kinds, or the beginning of some with its dot. */
async function mustBeKind(ask: Ask, said: string): Promise<void> {
  const all = (await ask<{ kind: string }>('select kind from tmidb.audit_kind')).map((row) => row.kind)
  if (all.some((kind) => kind === said || (said.endsWith('.') && kind.startsWith(said)))) return
  const near = nearestWord(said, all)
  throw new TmiError('TM107', `No event is of the kind "${said.slice(0, 80)}".`, {
    hint: `${near ? `Did you mean "${near}"? ` : ''}"tmictl audit kinds" lists them.`,
  })
}

async function kinds(args: Args): Promise<number> {
  const rows = await withDatabase(args.values.postgres as string | undefined, (ask) =>
    ask<{ kind: string; meaning: string }>('select kind, meaning from tmidb.audit_kind order by kind'),
  )
  if (args.json) printJson({ kinds: rows })
  else for (const { kind, meaning } of rows) print(`${kind.padEnd(26)}${meaning}`)
  return exit.ok
}

async function verify(args: Args): Promise<number> {
  const head = args.values.head as string | undefined
  const known = head === undefined ? null : /^(\d{1,18}):([0-9a-f]{64})?$/i.exec(head.trim())
  if (head !== undefined && (!known || (known[1] !== '0' && known[2] === undefined)))
    throw new UsageError('--head is what "tmictl audit verify" printed before: <place>:<64 hex digits>.')
  const [verdict] = await withDatabase(args.values.postgres as string | undefined, (ask) =>
    ask<Verdict>('select * from tmidb.audit_verify($1, $2)', [known?.[1] ?? null, known?.[2] ?? null]),
  )
  const { checked, head_seq, head_hash, broken_seq, why, unsealed } = verdict as Verdict
  const now = `${head_seq}:${head_hash}`
  if (args.json)
    printJson({
      ok: broken_seq === null,
      checked: Number(checked),
      head: now,
      unsealed: Number(unsealed),
      ...(broken_seq === null ? {} : { broken: Number(broken_seq), why }),
    })
  else if (broken_seq === null) {
    print(`${checked} rows, whole and unchanged.`)
    if (unsealed !== '0') print(`${unsealed} newer ones are not sealed yet: somebody else is at it. Check again.`)
    print(`head ${now}`)
    if (known === null) print('Keep the head where nobody can change it, and give it to the next check: --head.')
  } else print(`The audit is not what it was: place ${broken_seq}. ${why}`)
  return broken_seq === null ? exit.ok : exit.problems
}

/** "90m", "2h", "7d" ago, or a time. */
function startOf(since: string): string {
  const ago = /^(\d{1,6})\s*([smhd])$/.exec(since.trim())
  const unit = { s: 1, m: 60, h: 3600, d: 86_400 }[ago?.[2] ?? 's'] ?? 1
  const at = ago ? new Date(Date.now() - Number(ago[1]) * unit * 1000) : new Date(since)
  if (Number.isNaN(at.getTime())) throw new UsageError(`"${since}" is no time: say 90m, 2h, 7d or 2026-01-31T08:00:00Z.`)
  return at.toISOString()
}

function line(row: Row): string {
  const who = [row.actor ?? '-', row.address && `from ${row.address}`].filter(Boolean).join(' ')
  const what =
    row.before || row.after
      ? Object.keys({ ...row.before, ...row.after })
          .filter((key) => row.before === null || row.after === null || key in row.after)
          .map((key) => change(key, row))
          .join(', ')
      : JSON.stringify(row.detail)
  const place = row.seq === null ? '-' : row.seq
  return `${place.padStart(7)}  ${row.at.replace('T', ' ')}  ${row.kind.padEnd(22)} ${who.padEnd(24)} ${row.resource ?? ''}  ${short(what)}`
}

function change(key: string, { before, after }: Row): string {
  if (before === null || after === null) return `${key}=${JSON.stringify((after ?? before)?.[key])}`
  return `${key}: ${JSON.stringify(before[key])} → ${JSON.stringify(after[key])}`
}

function short(s: string): string {
  return s.length > 160 ? `${s.slice(0, 159)}…` : s
}
