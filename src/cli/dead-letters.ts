// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'
import { confirm, isTerminal } from './confirm.ts'
import { count, openProgress } from './progress.ts'

export const command: Command = {
  summary: 'List, show, edit, replay or discard what could not be stored.',
  usage: `dead-letters list | show <id> | edit <id> | replay <id ...> | discard <id ...> [--json]
  list, replay, discard: --reason TM201  --category sensor  --speaker gateway  --since 2h|2026-01-01T00:00:00Z  --all
  list: --limit 50  --after <id>      discard: --yes      all: --postgres <url of another login>
  edit: --payload '{"temperature": 21.5}' (or @file)  --raw '<message>' (or @file)  --category  --target  --ts <RFC 3339>`,
  examples: ['npx tmictl dead-letters list --since 1d', 'npx tmictl dead-letters replay --reason TM201 --category sensor'],
  options: {
    reason: { type: 'string' },
    category: { type: 'string' },
    speaker: { type: 'string' },
    since: { type: 'string' },
    all: { type: 'boolean' },
    limit: { type: 'string' },
    after: { type: 'string' },
    payload: { type: 'string' },
    raw: { type: 'string' },
    target: { type: 'string' },
    ts: { type: 'string' },
    yes: { type: 'boolean' },
    postgres: { type: 'string' },
  },
  run,
}

interface Letter {
  raw_id: string
  ts: Date
  reason: string
  message: string
  speaker: string | null
  category: string | null
  target: string | null
  bytes: number
  preview: string
  attempts: number
  edited: string[]
}

interface Replayed {
  tried: number
  replayed: number
  stored: number
  duplicate: number
  failed: { raw_id: number; code: string; message: string }[]
}

const acts: Record<string, (args: Args, ids: string[], ask: Ask) => Promise<number>> = { list, show, edit, replay, discard }

async function run(args: Args): Promise<number> {
  const [act = 'list', ...ids] = args.positionals
  const does = acts[act]
  if (!does) throw new UsageError(`There is no "dead-letters ${act}".`)
  if (act === 'list' && ids.length > 0) throw new UsageError(`"${ids[0]}" is one word too many; "dead-letters show" shows one.`)
  const wrong = ids.find((id) => !/^\d{1,18}$/.test(id))
  if (wrong !== undefined) throw new UsageError(`"${wrong}" is not the number of a dead letter.`)
  return await withDatabase(text(args, 'postgres'), async (ask) => await does(args, ids, ask))
}

async function list(args: Args, _ids: string[], ask: Ask): Promise<number> {
  const limit = Number(text(args, 'limit') ?? 50)
  if (!Number.isInteger(limit) || limit < 1) throw new UsageError('--limit is a number of rows.')
  const letters: Letter[] = []
  for (let after = text(args, 'after') ?? null; ; ) {
    const most = args.values.all ? 1000 : limit
    const page = await ask<Letter>('select * from tmidb.dead_letters($1, $2, $3, $4, $5, $6)', [...filters(args), most, after])
    letters.push(...page)
    if (!args.values.all || page.length < most) break
    after = page.at(-1)?.raw_id ?? null
  }
  const [row] = await ask<{ n: string }>('select tmidb.count_dead_letters($1, $2, $3, $4) as n', filters(args))
  const total = Number(row?.n ?? 0)
  if (args.json) {
    printJson({ total, letters: letters.map((l) => ({ ...l, raw_id: Number(l.raw_id) })) })
    return exit.ok
  }
  if (letters.length === 0) print('Nothing waits here.')
  for (const l of letters) {
    const where = `${l.category ?? '-'}/${l.target ?? '-'}`
    const more = [l.attempts > 0 ? `tried ${l.attempts}x` : '', l.edited.length > 0 ? 'edited' : ''].filter(Boolean).join(', ')
    print(
      `${l.raw_id.padStart(8)}  ${l.ts.toISOString()}  ${l.reason}  ${where}  from ${l.speaker ?? '?'}${more ? `  (${more})` : ''}`,
    )
    print(`          ${oneLine(l.message)}`)
    print(`          ${oneLine(l.preview)}${l.bytes > 120 ? ` … ${count(l.bytes)} bytes` : ''}`)
  }
  if (total > letters.length)
    print(`${count(letters.length)} of ${count(total)}; --all shows all, --after ${letters.at(-1)?.raw_id} the next.`)
  return exit.ok
}

async function show(args: Args, ids: string[], ask: Ask): Promise<number> {
  for (const id of one(ids)) {
    const letter = await get(ask, id)
    if (args.json) printJson(letter)
    else showLetter(letter)
  }
  return exit.ok
}

async function edit(args: Args, ids: string[], ask: Ask): Promise<number> {
  const [id] = one(ids)
  const payload = content(args, 'payload')
  if (payload !== null) {
    try {
      JSON.parse(payload)
    } catch {
      throw new UsageError('--payload is not JSON.')
    }
  }
  const values = [
    id,
    payload,
    text(args, 'category') ?? null,
    text(args, 'target') ?? null,
    text(args, 'ts') ?? null,
    content(args, 'raw'),
  ]
  if (values.slice(1).every((v) => v === null)) throw new UsageError('Say what to change.')
  const ts = text(args, 'ts')
  if (ts !== undefined && !/^\d{4}-\d\d-\d\d[Tt ].*([Zz]|[+-]\d\d(:?\d\d)?)$/.test(ts))
    throw new UsageError('--ts is RFC 3339 with a zone.')
  const [row] = await ask<{ letter: Record<string, unknown> }>(
    'select tmidb.edit_dead_letter($1, $2::jsonb, $3, $4, $5::timestamptz, $6) as letter',
    values,
  )
  if (args.json) printJson(row?.letter)
  else {
    showLetter(row?.letter ?? {})
    print(`Changed. Now: tmictl dead-letters replay ${id}`)
  }
  return exit.ok
}

async function replay(args: Args, ids: string[], ask: Ask): Promise<number> {
  const sum: Replayed = { tried: 0, replayed: 0, stored: 0, duplicate: 0, failed: [] }
  const add = (r: Replayed) => {
    for (const key of ['tried', 'replayed', 'stored', 'duplicate'] as const) sum[key] += r[key]
    // The rows keep their own reason; the first ones tell what is wrong.
    sum.failed.push(...r.failed.slice(0, 1000 - sum.failed.length))
  }
  if (ids.length > 0) {
    for (const id of ids) {
      const [row] = await ask<{ r: { replayed: boolean; stored: number; duplicate: number; code: string; message: string } }>(
        'select tmidb.replay_dead_letter($1) as r',
        [id],
      )
      if (!row) continue
      const { replayed, stored, duplicate, code, message } = row.r
      add({
        tried: 1,
        replayed: replayed ? 1 : 0,
        stored,
        duplicate,
        failed: replayed ? [] : [{ raw_id: Number(id), code, message }],
      })
    }
  } else {
    mustSayWhich(args)
    const [all] = await ask<{ n: string }>('select tmidb.count_dead_letters($1, $2, $3, $4) as n', filters(args))
    const progress = openProgress(Number(all?.n ?? 0), args.json)
    try {
      for (let after: number | null = null; ; ) {
        const [row]: { r: Replayed & { last: number | null } }[] = await ask(
          'select tmidb.replay_dead_letters($1, $2, $3, $4, 500, $5) as r',
          [...filters(args), after],
        )
        if (!row || row.r.last === null) break
        add(row.r)
        after = row.r.last
        progress.at(sum.tried, `${count(sum.replayed)} replayed, ${count(sum.tried - sum.replayed)} failed again`)
      }
    } finally {
      progress.stop()
    }
  }
  const failed = sum.tried - sum.replayed
  if (args.json) printJson({ ...sum, failed, failures: sum.failed })
  else {
    print(
      `${count(sum.replayed)} replayed: ${count(sum.stored)} readings stored, ${count(sum.duplicate)} were there before; ${count(failed)} failed again.`,
    )
    for (const f of sum.failed.slice(0, 10)) print(`  ${f.raw_id}  ${f.code}  ${oneLine(f.message)}`)
    if (failed > 10) print(`  and ${count(failed - 10)} more: tmictl dead-letters list`)
  }
  return failed > 0 ? exit.problems : exit.ok
}

async function discard(args: Args, ids: string[], ask: Ask): Promise<number> {
  if (ids.length === 0) mustSayWhich(args)
  const [all] =
    ids.length > 0
      ? [{ n: String(ids.length) }]
      : await ask<{ n: string }>('select tmidb.count_dead_letters($1, $2, $3, $4) as n', filters(args))
  const total = Number(all?.n ?? 0)
  if (!args.values.yes && total > 0) {
    if (!isTerminal()) throw new UsageError(`This throws ${count(total)} dead letters away for good: say --yes.`)
    if (!(await confirm(`Throw ${count(total)} dead letters away for good?`))) return exit.interrupted
  }
  let discarded = 0
  for (const id of ids) {
    await ask('select tmidb.discard_dead_letter($1)', [id])
    discarded++
  }
  if (ids.length === 0 && total > 0) {
    // Only what was there when it was asked: what comes in meanwhile nobody agreed to.
    const [now] = await ask<{ now: string }>('select now()::text as now')
    const progress = openProgress(total, args.json)
    try {
      for (;;) {
        const [row] = await ask<{ n: number }>('select tmidb.discard_dead_letters($1, $2, $3, $4, 1000, $5) as n', [
          ...filters(args),
          now?.now,
        ])
        if (!row?.n) break
        discarded += row.n
        progress.at(discarded, `${count(discarded)} discarded`)
      }
    } finally {
      progress.stop()
    }
  }
  if (args.json) printJson({ discarded })
  else print(`${count(discarded)} discarded; the ledger counts them and the audit names them.`)
  return exit.ok
}

async function get(ask: Ask, id: string): Promise<Record<string, unknown>> {
  const [row] = await ask<{ letter: Record<string, unknown> }>('select tmidb.dead_letter($1) as letter', [id])
  return row?.letter ?? {}
}

const shownFirst = [
  'raw_id',
  'ts',
  'reason',
  'message',
  'hint',
  'speaker',
  'category',
  'target',
  'reading_ts',
  'mid',
  'attempts',
  'payload',
  'raw',
]

function showLetter(letter: Record<string, unknown>): void {
  const names = [...shownFirst, ...Object.keys(letter).filter((name) => !shownFirst.includes(name))]
  for (const name of names) {
    const value = letter[name] ?? null
    // What reads as text need not be shown as base64 too.
    if (value === null || (name.endsWith('_base64') && letter[name.replace('_base64', '')] !== null)) continue
    if (Array.isArray(value) && value.length === 0) continue
    print(`${name.padEnd(14)}${oneLine(typeof value === 'string' ? value : JSON.stringify(value))}`)
  }
}

function filters(args: Args): (string | null)[] {
  return [text(args, 'reason') ?? null, text(args, 'category') ?? null, text(args, 'speaker') ?? null, since(text(args, 'since'))]
}

function mustSayWhich(args: Args): void {
  if (args.values.all || ['reason', 'category', 'speaker', 'since'].some((name) => args.values[name] !== undefined)) return
  throw new UsageError('Say which: their numbers, a filter, or --all.')
}

/** "90s", "30m", "2h" and "7d" ago, or a time. */
function since(said: string | undefined): string | null {
  if (said === undefined) return null
  const ago = /^(\d+)([smhd])$/.exec(said)
  const ms = ago
    ? Date.now() - Number(ago[1]) * { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 }[ago[2] as 's' | 'm' | 'h' | 'd']
    : Date.parse(said)
  if (Number.isNaN(ms)) throw new UsageError(`"${said}" is no time: say 2h, 7d or 2026-01-01T00:00:00Z.`)
  return new Date(ms).toISOString()
}

function one(ids: string[]): [string] {
  const [id, ...more] = ids
  if (id === undefined || more.length > 0) throw new UsageError('Say the number of one dead letter.')
  return [id]
}

function content(args: Args, name: string): string | null {
  const said = text(args, name)
  if (said === undefined) return null
  return said.startsWith('@') ? readFileSync(said.slice(1), 'utf8') : said
}

function text(args: Args, name: string): string | undefined {
  const value = args.values[name]
  return typeof value === 'string' ? value : undefined
}

/** What came from outside must not move the cursor of a terminal. */
function oneLine(said: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is taken out
  return said.replace(/[\u0000-\u001f\u007f-\u009f]+/g, ' ')
}
