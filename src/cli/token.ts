// SPDX-License-Identifier: MIT
// tmictl token: the keys of speakers, listeners and users. A token's text goes to stdout once and is nowhere kept.
import { TmiError } from '../base/errors.ts'
import { type Ask, allOrNothing, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const

export const command: Command = {
  summary: 'Keys of speakers, listeners and users: list, make, rotate or revoke them.',
  usage: `token list [<kind:name>] [--all]
       tmictl token create <kind:name> [--label <text>] [--expires 90d] [--scope read]... [--from 10.0.0.0/8]...
       tmictl token rotate <token> [--overlap 1d]: a new one like it; the old one ends after the overlap, 0 at once
       tmictl token revoke <token>...
       kinds are speaker, listener and user; a token is named by its number, its prefix or its text. [--postgres URL]`,
  examples: [
    'tmictl token create listener:dashboard --label "wall display" --expires 90d --from 10.0.0.0/8',
    'tmictl token rotate 17 --overlap 2h',
  ],
  options: {
    all: { type: 'boolean' },
    label: text,
    expires: text,
    scope: texts,
    from: texts,
    overlap: text,
    postgres: text,
  },
  run,
}

interface Row {
  token_id: string
  prefix: string
  kind: string
  owner: string
  label: string | null
  scopes: string[] | null
  allow_from: string[] | null
  created_at: Date
  expires_at: Date | null
  used_at: Date | null
  use_count: string
  revoked_at: Date | null
}

const verbs: Record<string, { run: (args: Args, words: string[]) => Promise<number>; least: number; most: number }> = {
  list: { run: list, least: 0, most: 1 },
  create: { run: create, least: 1, most: 1 },
  rotate: { run: rotate, least: 1, most: 1 },
  revoke: { run: revoke, least: 1, most: 1000 },
}

async function run(args: Args): Promise<number> {
  const [verb, ...words] = args.positionals
  const found = verb !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (found === undefined) {
    const near = verb === undefined ? null : nearestWord(verb, Object.keys(verbs))
    throw new UsageError(
      verb === undefined ? 'Say what to do.' : `There is no "token ${verb}".${near ? ` Did you mean "${near}"?` : ''}`,
    )
  }
  if (words.length < found.least) throw new UsageError(verb === 'create' ? 'Say for whom: <kind:name>.' : 'Say which token.')
  if (words.length > found.most) throw new UsageError(`"${words[found.most]}" is one word too many.`)
  return await found.run(args, words)
}

async function list({ values, json }: Args, [holder]: string[]): Promise<number> {
  const tokens = await asking(values, (ask) =>
    ask<Row>(
      `select token_id::text, prefix, kind, owner, label, scopes, allow_from::text[], created_at, expires_at, used_at, use_count::text, revoked_at
       from api.token
       where ($1::text is null or kind || ':' || owner = $1) and ($2 or revoked_at is null and (expires_at is null or expires_at > now()))
       order by kind, owner, token.token_id`,
      [holder ?? null, values.all === true],
    ),
  )
  if (json) printJson({ tokens })
  else if (tokens.length === 0) print('No tokens.')
  else for (const token of tokens) print(line(token))
  return exit.ok
}

async function create({ values, json }: Args, [holder = '']: string[]): Promise<number> {
  const colon = holder.indexOf(':')
  if (colon < 1) throw new UsageError(`"${holder}" is not understood: say <kind:name>, such as listener:dashboard.`)
  const [kind, name] = [holder.slice(0, colon), holder.slice(colon + 1)]
  const { label = null, expires } = values as Record<string, string | undefined>
  const token = await asking(values, async (ask) => {
    const [row] = await ask<{ token: string }>('select tmidb.create_token($1, $2, $3, $4, $5, $6) as token', [
      kind,
      name,
      label,
      expires === undefined ? null : endOf(expires),
      listOf(values.scope),
      listOf(values.from),
    ])
    return row?.token as string
  })
  return told(json, { token, kind, name })
}

async function rotate({ values, json }: Args, [which = '']: string[]): Promise<number> {
  const overlap = secondsOf((values.overlap as string | undefined) ?? '1d')
  if (overlap === null) throw new UsageError(`"${values.overlap}" is not a time: say 0, 30m, 2h or 1d.`)
  const token = await asking(values, async (ask) => {
    const [row] = await ask<{ token: string }>('select tmidb.rotate_token($1, make_interval(secs => $2)) as token', [
      which,
      overlap,
    ])
    return row?.token as string
  })
  return told(json, { token, of: which })
}

/** The token alone on stdout, so that it can be piped into where it belongs. */
function told(json: boolean, made: { token: string; [about: string]: string }): number {
  if (json) printJson(made)
  else {
    print(made.token)
    process.stderr.write('Keep it: it is not shown again.\n')
  }
  return exit.ok
}

async function revoke({ values, json }: Args, which: string[]): Promise<number> {
  await asking(values, (ask) =>
    allOrNothing(ask, async () => {
      for (const word of which) {
        const [row] = await ask<{ n: number }>('select tmidb.revoke_token($1) as n', [word])
        if (row?.n !== 1) throw await unknown(ask, word, which.length > 1)
      }
    }),
  )
  if (json) printJson({ revoked: which })
  else print(`${which.length} revoked; what ${which.length === 1 ? 'it' : 'they'} had open is closed.`)
  return exit.ok
}

async function unknown(ask: Ask, word: string, others: boolean): Promise<TmiError> {
  const prefixes = await ask<{ prefix: string }>('select prefix from api.token where revoked_at is null')
  const near = nearestWord(
    word,
    prefixes.map((p) => p.prefix),
  )
  // A token's whole text may have been said; its prefix is enough to know it again.
  const said = word.replace(/^(tmi_[a-z]+_.{8}).+$/s, '$1…').slice(0, 80)
  const kept = others ? ' Nothing was revoked.' : ''
  return new TmiError('TM107', `There is no token "${said}", or it is over already.${kept}`, {
    hint: near ? `Did you mean "${near}"?` : '"tmictl token list" shows their numbers.',
  })
}

function asking<T>(values: Args['values'], fn: (ask: Ask) => Promise<T>): Promise<T> {
  return withDatabase(values.postgres as string | undefined, fn)
}

/** Several times said, or once with commas. */
function listOf(said: Args['values'][string]): string[] | null {
  return Array.isArray(said) ? said.flatMap((s) => String(s).split(',')) : null
}

const units: Record<string, number> = { s: 1, m: 60, h: 3600, d: 86400, w: 604800 }

function secondsOf(said: string): number | null {
  const [, n, unit = 's'] = /^(\d{1,9})([smhdw])?$/.exec(said) ?? []
  if (n === undefined || (unit === 's' && Number(n) > 0 && !said.endsWith('s'))) return null
  return Number(n) * (units[unit] as number)
}

/** From now on, or a time. */
function endOf(said: string): Date {
  const seconds = secondsOf(said)
  const end = seconds === null ? new Date(said) : new Date(Date.now() + seconds * 1000)
  if (Number.isNaN(end.getTime())) throw new UsageError(`"${said}" is not a time: say 12h, 90d or 2027-01-31T00:00:00Z.`)
  return end
}

function line(t: Row): string {
  const over = t.revoked_at ? 'revoked' : t.expires_at && t.expires_at.getTime() <= Date.now() ? 'over' : null
  const parts = [
    t.token_id.padStart(5),
    t.prefix.padEnd(21),
    `${t.kind}:${t.owner}`.padEnd(24),
    t.scopes?.join(',') ?? 'all',
    t.allow_from ? `from ${t.allow_from.join(',')}` : null,
    t.used_at ? `used ${t.use_count} times, last ${when(t.used_at)}` : 'never used',
    over ?? (t.expires_at ? `until ${when(t.expires_at)}` : null),
    t.label,
  ]
  return parts.filter((part) => part !== null).join('  ')
}

function when(at: Date): string {
  return at.toISOString().replace(/\.\d+Z$/, 'Z')
}
