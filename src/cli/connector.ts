// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { loadConfig } from '../base/config.ts'
import { fromPg, TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { withClient } from '../db/superuser.ts'
import { connectionFile, read } from '../supervisor/connection.ts'
import { type Args, type Command, exit, print, printBlock, printJson, UsageError } from './command.ts'
import { definition } from './connector-definition.ts'
import { nearestWord } from './nearest-word.ts'

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const
const flag = { type: 'boolean' } as const

export const command: Command = {
  summary: 'Sources that are asked on a schedule: web addresses and other PostgreSQL databases.',
  usage: `connector list | show <name> | runs <name> [--last 20]
       tmictl connector add <name> --category <category> [--every 60s | --cron '*/5 * * * *'] [--speaker <name>] [--disabled]
           --url <address> [--format json|csv|html] [--items <path>] [--target <path or text>] [--ts <path>]
             [--field <name[:type]>=<path>]... [--header '<name>: <value>']... [--on-change] [--allow <host>]...
           --postgres <url> (--table <name> | --query <select>) --watermark <column> [--target <column>] [--ts <column>]
           --config <file, JSON or - for stdin>: the definition itself; flags come on top
       tmictl connector set <name> (any of the flags of add)
       tmictl connector try <name>: shows what a run would store, and stores nothing
       tmictl connector run | enable | disable | remove <name>`,
  examples: [
    `npx tmictl connector add weather --category weather --every 10m --url 'https://wttr.in/Seoul?format=j1' --target seoul --field temp:number='$.current_condition[0].temp_C'`,
    `npx tmictl connector add plant --category press --every 5s --postgres postgres://reader:secret@db.lan/plant --allow db.lan --table measurement --watermark id --target machine --ts at`,
  ],
  options: {
    category: text,
    every: text,
    cron: text,
    speaker: text,
    disabled: flag,
    config: text,
    url: text,
    format: text,
    items: text,
    target: text,
    ts: text,
    field: texts,
    header: texts,
    'on-change': flag,
    allow: texts,
    postgres: text,
    table: text,
    query: text,
    watermark: text,
    last: text,
  },
  run,
}

interface Row {
  name: string
  kind: string
  category: string
  speaker: string
  schedule: string
  is_enabled: boolean
  source: string
  last_run_at: string | null
  status: string | null
  next_run_at: string | null
  failures: number
  failing_since: string | null
  code: string | null
  message: string | null
  config: Record<string, unknown>
  state: Record<string, unknown>
}

interface Run {
  run_id: string
  started_at: string
  finished_at: string
  is_try: boolean
  status: string
  http_status: number | null
  bytes: number
  accepted: number
  stored: number
  rejected: number
  code: string | null
  message: string | null
  preview: Record<string, unknown>[] | null
}

const verbs: Record<string, (args: Args, name: string) => Promise<number>> = {
  list,
  show,
  add,
  set,
  run: (args, name) => runNow(args, name, false),
  try: (args, name) => runNow(args, name, true),
  runs,
  enable: (args, name) => enable(args, name, true),
  disable: (args, name) => enable(args, name, false),
  remove,
}
const mostWaitMs = 120_000

async function run(args: Args): Promise<number> {
  const [verb, name = '', ...more] = args.positionals
  const found = verb === undefined ? undefined : Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (found === undefined) {
    const near = verb === undefined ? null : nearestWord(verb, Object.keys(verbs))
    throw new UsageError(
      verb === undefined ? 'Say what to do.' : `There is no "connector ${verb}".${near ? ` Did you mean "${near}"?` : ''}`,
    )
  }
  if (verb !== 'list' && name === '') throw new UsageError('Say the name of the connector.')
  if (more.length > 0 || (verb === 'list' && name !== '')) throw new UsageError(`"${more[0] ?? name}" is one word too many.`)
  try {
    return await found(args, name)
  } catch (e) {
    if (!(e instanceof TmiError) || (e.code !== 'TM107' && e.code !== 'TM401')) throw e
    const away = e.code === 'TM401'
    process.stderr.write(
      away ? 'The database cannot be reached.\n  Is tmiDB running? See "npx tmictl status".\n' : `${e.message}\n  ${e.hint}\n`,
    )
    return away ? exit.unreachable : exit.notFound
  }
}

/** One call of a function of tmidb, as the administrator. */
async function call<T>(statement: string, values: unknown[] = []): Promise<T[]> {
  const file = connectionFile(loadConfig().dataDir)
  const connection = read(file)
  if (!connection) throw new TmiError('TM501', `There is no ${file}.`, { hint: 'Start tmiDB first, or set TMIDB_DATA.' })
  try {
    return await withClient(
      connection.postgres,
      async (client) => (await client.query<{ row: T }>(statement, values)).rows.map(({ row }) => row),
      { connectionTimeoutMillis: 5000 },
    )
  } catch (e) {
    throw fromPg(e)
  }
}

async function one(name: string): Promise<Row> {
  const [row] = await call<Row>('select to_jsonb(c) as row from tmidb.connectors($1) c', [name])
  if (row) return row
  const names = (await call<Row>('select to_jsonb(c) as row from tmidb.connectors() c')).map((c) => c.name)
  const near = nearestWord(name, names)
  throw new TmiError('TM107', `There is no connector named "${name}".`, {
    hint: near ? `Did you mean "${near}"?` : '"tmictl connector list" shows the names.',
  })
}

async function list(args: Args): Promise<number> {
  const rows = await call<Row>('select to_jsonb(c) as row from tmidb.connectors() c')
  if (args.json) printJson({ connectors: rows.map(({ config: _, state: __, ...row }) => row) })
  else if (rows.length === 0) print('There are no connectors. "tmictl connector add --help" shows how to make one.')
  else {
    for (const c of rows) {
      print(
        `${c.name.padEnd(20)} ${how(c).padEnd(10)} ${c.schedule.padEnd(14)} last ${when(c.last_run_at)}  ${c.category}  ${c.kind} ${c.source}`,
      )
      if (c.failing_since) print(`${' '.repeat(21)}failing since ${when(c.failing_since)}: ${c.message ?? c.code}`)
    }
  }
  return exit.ok
}

async function show(args: Args, name: string): Promise<number> {
  const c = await one(name)
  if (args.json) printJson(c)
  else {
    print(`${c.name}: ${c.kind} ${c.source}`)
    print(`  ${how(c)}; ${c.schedule}; last run ${when(c.last_run_at)}, next ${c.is_enabled ? when(c.next_run_at) : 'never'}`)
    if (c.failing_since) print(`  failing since ${when(c.failing_since)} (${c.failures} times): ${c.code} ${c.message}`)
    print(`  readings of category ${c.category} as speaker ${c.speaker}`)
    if (c.state.watermark !== undefined) print(`  read up to ${c.state.watermark}`)
    printBlock(JSON.stringify(c.config, null, 2))
  }
  return exit.ok
}

async function add(args: Args, name: string): Promise<number> {
  const { category, speaker } = args.values as Record<string, string | undefined>
  if (!category) throw new UsageError('Say the category of its readings: --category <name>.')
  const { kind, config } = definition(args.values, configText(args), null)
  const schedule = scheduleOf(args) ?? 'every 60 s'
  const disabled = args.values.disabled === true
  await call('select tmidb.create_connector($1, $2, $3, $4, $5, $6, $7) as row', [
    name,
    kind,
    category,
    speaker ?? null,
    schedule,
    JSON.stringify(config),
    !disabled,
  ])
  if (args.json) printJson({ name, kind, category, schedule, enabled: !disabled })
  else
    print(
      disabled
        ? `${name} is made and not yet asked: try it, then enable it.`
        : `${name} is asked ${schedule}. "tmictl connector runs ${name}" shows what comes of it.`,
    )
  return exit.ok
}

async function set(args: Args, name: string): Promise<number> {
  const old = await one(name)
  const changed = definition(args.values, configText(args), old)
  const { category, speaker } = args.values as Record<string, string | undefined>
  await call('select tmidb.set_connector($1, $2, $3, $4, $5, $6) as row', [
    name,
    changed.given ? JSON.stringify(changed.config) : null,
    scheduleOf(args) ?? null,
    args.values.disabled === true ? false : null,
    category ?? null,
    speaker ?? null,
  ])
  if (args.json) printJson(await one(name))
  else print(`${name} is changed.`)
  return exit.ok
}

async function enable(args: Args, name: string, enabled: boolean): Promise<number> {
  await one(name)
  await call('select tmidb.set_connector($1, p_is_enabled => $2) as row', [name, enabled])
  if (args.json) printJson({ name, enabled })
  else print(`${name} is ${enabled ? 'asked from now on' : 'not asked any more'}.`)
  return exit.ok
}

async function remove(args: Args, name: string): Promise<number> {
  await one(name)
  await call('select tmidb.remove_connector($1) as row', [name])
  if (args.json) printJson({ name, removed: true })
  else print(`${name} is removed; what it brought stays.`)
  return exit.ok
}

async function runs(args: Args, name: string): Promise<number> {
  const last = Number(args.values.last ?? 20)
  if (!Number.isInteger(last) || last < 1) throw new UsageError(`"${args.values.last}" is not a number of runs.`)
  await one(name)
  const rows = await call<Run>('select to_jsonb(r) as row from tmidb.connector_runs($1, $2) r', [name, last])
  if (args.json) printJson({ runs: rows })
  else for (const r of rows) print(`${when(r.started_at)}  ${summary(r)}`)
  return exit.ok
}

async function runNow(args: Args, name: string, isTry: boolean): Promise<number> {
  await one(name)
  const [id] = await call<string>('select tmidb.run_connector_now($1, $2)::text as row', [name, isTry])
  const until = Date.now() + mostWaitMs
  for (;;) {
    const done = (await call<Run>('select to_jsonb(r) as row from tmidb.connector_runs($1, 50) r', [name])).find(
      (r) => String(r.run_id) === id,
    )
    if (done) {
      if (args.json) printJson(done)
      else {
        for (const reading of done.preview ?? []) print(JSON.stringify(reading))
        print(summary(done))
      }
      return done.status === 'error' ? exit.failed : exit.ok
    }
    if (Date.now() > until) {
      process.stderr.write(
        `It did not end within ${mostWaitMs / 1000} s.\n  "tmictl connector runs ${name}" will show it; is data-consumer running?\n`,
      )
      return exit.timeout
    }
    await sleep(200)
  }
}

function scheduleOf(args: Args): string | undefined {
  const { every, cron } = args.values as Record<string, string | undefined>
  if (every !== undefined && cron !== undefined) throw new UsageError('Say either --every or --cron.')
  return cron ?? (every === undefined ? undefined : `every ${every.replace(/^every\s+/, '')}`)
}

/** A file, JSON itself, or stdin. */
function configText(args: Args): string | undefined {
  const given = args.values.config as string | undefined
  if (given === undefined || given.trimStart().startsWith('{')) return given
  try {
    return readFileSync(given === '-' ? 0 : given, 'utf8')
  } catch (cause) {
    throw new TmiError('TM108', `${given} cannot be read: ${(cause as Error).message}.`, {
      cause,
      hint: '--config takes a file, JSON, or - for stdin.',
    })
  }
}

function how(c: Row): string {
  return !c.is_enabled ? 'disabled' : c.failing_since ? 'failing' : (c.status ?? 'new')
}

function when(ts: string | null): string {
  return ts === null ? 'never' : new Date(ts).toISOString().replace(/\.\d+Z$/, 'Z')
}

function summary(r: Run): string {
  const ms = new Date(r.finished_at).getTime() - new Date(r.started_at).getTime()
  const counts = r.is_try
    ? `${r.accepted} would be stored, ${r.rejected} rejected`
    : `${r.stored} stored, ${r.accepted - r.stored} known, ${r.rejected} rejected`
  const what = r.status === 'error' ? '' : `  ${counts}`
  return `${r.status}${r.is_try ? ' (try)' : ''}${r.http_status ? ` ${r.http_status}` : ''}${what}  ${r.bytes} bytes in ${ms} ms${r.code ? `  ${r.code} ${r.message}` : ''}`
}
