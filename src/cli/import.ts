// SPDX-License-Identifier: MIT
// A file into a category, over the public HTTP API: the way in of every other sender, so a remote server does as well.
import { closeSync, existsSync, openSync, readSync, rmSync, statSync } from 'node:fs'
import { loadConfig } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { connectionFile, read } from '../supervisor/connection.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'
import { confirm, isTerminal } from './confirm.ts'
import { converter } from './import/convert.ts'
import { dryRun } from './import/dry-run.ts'
import { feed } from './import/feed.ts'
import { type Asked, makePlan, type Plan, pairs, readToken } from './import/plan.ts'
import { openSource } from './import/records.ts'
import { fileIdentity, openStateFile, readState, rejectedHeader, rejectedPath, type State, statePath } from './import/state.ts'
import { whenStored } from './import/stored.ts'
import { count } from './progress.ts'

export const command: Command = {
  summary: 'Import a CSV, NDJSON or JSON file; goes on where it stopped.',
  usage: `import <file.csv|.ndjson|.json[.gz]> --category sensor [--dry-run] [--yes] [--json]
  where to    --url <http://...>  --token <token or @file>       (default: the instance of TMIDB_DATA and its first speaker)
  target      --target truck-17 | --target-column device         (default: the column "target")
  time        --ts-column time  --ts-format rfc3339|s|ms|us|ns|"%d.%m.%Y %H:%M:%S"  --time-zone Europe/Berlin
  fields      --columns a,b  --rename old=new,...  --types zip:text,...  --null "NULL,n/a"  --decimal ,  --mid-column id
  CSV         --delimiter ";"  --no-header  --encoding windows-1252       --format csv|ndjson|json
  running     --batch 1000  --concurrency 4  --restart  --work-dir <folder for state and rejected lines>`,
  examples: [
    'npx tmictl import trucks.csv --category sensor --target-column truck --ts-column time --time-zone Europe/Berlin',
    'npx tmictl import history.ndjson.gz --category sensor --dry-run --json',
  ],
  options: {
    category: { type: 'string' },
    url: { type: 'string' },
    token: { type: 'string' },
    target: { type: 'string' },
    'target-column': { type: 'string' },
    'ts-column': { type: 'string' },
    'ts-format': { type: 'string' },
    'time-zone': { type: 'string' },
    'mid-column': { type: 'string' },
    columns: { type: 'string' },
    rename: { type: 'string' },
    types: { type: 'string' },
    null: { type: 'string' },
    decimal: { type: 'string' },
    delimiter: { type: 'string' },
    'no-header': { type: 'boolean' },
    encoding: { type: 'string' },
    format: { type: 'string' },
    batch: { type: 'string' },
    concurrency: { type: 'string' },
    'dry-run': { type: 'boolean' },
    restart: { type: 'boolean' },
    'work-dir': { type: 'string' },
    yes: { type: 'boolean' },
  },
  run,
}

async function run(args: Args): Promise<number> {
  const text = (name: string) => (typeof args.values[name] === 'string' ? (args.values[name] as string) : undefined)
  const [file, ...more] = args.positionals
  if (file === undefined || more.length > 0) throw new UsageError('Say one file.')
  if (!existsSync(file) || !statSync(file).isFile()) throw new UsageError(`There is no file ${file}.`)
  const category = text('category')
  if (category === undefined) throw new UsageError('Say --category.')
  if (!/^[a-z][a-z0-9_]{0,47}$/.test(category))
    throw new UsageError('A category is 1 to 48 of a-z, 0-9 and _, starting with a letter.')
  const batch = whole(text('batch'), 'batch', 1000, 1000)
  const concurrency = whole(text('concurrency'), 'concurrency', 4, 64)
  if (text('decimal') !== undefined && text('decimal') !== '.' && text('decimal') !== ',')
    throw new UsageError('--decimal is "." or ",".')
  const asked = askedOf(args, text)

  const connection = read(connectionFile(loadConfig().dataDir))
  const url = text('url') ?? connection?.http
  const isOwn = url !== undefined && url === connection?.http
  const token = readToken(text('token')) ?? (isOwn ? connection?.speaker.token : undefined)
  if (args.values['dry-run']) {
    const plan = await makePlan(file, asked)
    await preview(file, category, plan, args.json)
    return await dryRun(file, category, plan, args.json)
  }
  if (url === undefined)
    throw new TmiError('TM401', 'There is no running instance here.', { hint: 'Start tmiDB, or say --url and --token.' })
  if (token === undefined) throw new UsageError('Say --token: a speaker of that server.')

  const workDir = text('work-dir')
  const path = statePath(file, workDir)
  if (args.values.restart) rmSync(path, { force: true })
  let state = readState(path, file, { url, category, asked: JSON.stringify(asked) })
  const identity = fileIdentity(file, state?.file.headBytes)
  if (state?.done && identity.bytes === state.file.bytes) {
    return report(args, state, { isAgain: true, seconds: 0, sent: 0, rejectedFile: rejectedPath(file, workDir, state.plan) })
  }
  if (state === null) {
    const plan = await makePlan(file, asked)
    await preview(file, category, plan, args.json)
    if (isTerminal() && !args.values.yes && !(await confirm(`Import into "${category}" at ${url}?`))) return exit.interrupted
    state = {
      url,
      category,
      asked: JSON.stringify(asked),
      plan,
      file: identity,
      baseMicros: identity.baseMicros,
      startedAt: new Date().toISOString(),
      done: false,
      place: plan.start,
      counts: { lines: 0, accepted: 0, rejected: 0, quarantined: 0 },
      rejectedBytes: 0,
      reasons: {},
    }
  } else process.stderr.write(`Goes on at line ${count(state.place.line)}.\n`)
  // A file that was done and has grown goes on behind its former end.
  state.done = false
  state.file = { ...state.file, bytes: identity.bytes }

  const rejectedFile = rejectedPath(file, workDir, state.plan)
  let stateFile: ReturnType<typeof openStateFile>
  try {
    stateFile = openStateFile(path, rejectedFile, state, rejectedHeader(firstLine(file, state.plan), state.plan))
    stateFile.write()
  } catch (cause) {
    throw new TmiError('TM303', `${path} cannot be written.`, { hint: 'Say --work-dir, a folder that can be written.', cause })
  }
  const stop = new AbortController()
  const interrupt = () => (stop.signal.aborted ? process.exit(exit.interrupted) : stop.abort(new Error('interrupted')))
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, interrupt)
  const started = performance.now()
  const before = state.counts.lines
  try {
    const sender = await feed({ file, state, stateFile, token, batch, concurrency, signal: stop.signal, quiet: args.json, isOwn })
    await whenStored({ connection: isOwn ? connection : null, sender, signal: stop.signal })
    state.done = true
  } catch (e) {
    if (!stop.signal.aborted) throw e
    process.stderr.write(`Stopped behind line ${count(state.place.line - 1)}; the same command goes on there.\n`)
    return exit.interrupted
  } finally {
    stateFile.close()
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupt)
  }
  return report(args, state, {
    isAgain: false,
    seconds: (performance.now() - started) / 1000,
    sent: state.counts.lines - before,
    rejectedFile,
  })
}

function report(
  args: Args,
  state: State,
  now: { isAgain: boolean; seconds: number; sent: number; rejectedFile: string },
): number {
  const { counts, reasons } = state
  const rate = now.seconds > 0 ? Math.round(now.sent / now.seconds) : 0
  if (args.json) {
    printJson({
      done: true,
      again: now.isAgain,
      ...counts,
      reasons,
      seconds: Math.round(now.seconds * 1000) / 1000,
      perSecond: rate,
      rejectedFile: counts.rejected > 0 ? now.rejectedFile : null,
    })
  } else {
    if (now.isAgain)
      print(`This file was imported already, begun ${state.startedAt}; --restart sends it again, which doubles nothing.`)
    print(
      `${count(counts.lines)} lines: ${count(counts.accepted)} accepted and stored, ${count(counts.rejected)} rejected${
        counts.quarantined > 0
          ? `; of the accepted, ${count(counts.quarantined)} are kept aside, out of range in time (tmictl dead-letters)`
          : ''
      }.`,
    )
    if (!now.isAgain) print(`${now.seconds.toFixed(1)} s, ${count(rate)} lines/s.`)
    for (const [code, n] of Object.entries(reasons)) print(`  ${count(n)}  ${code}`)
    if (counts.rejected > 0) print(`The rejected lines stand in ${now.rejectedFile}, each with its reason.`)
  }
  return counts.rejected > 0 ? exit.problems : exit.ok
}

function askedOf(args: Args, text: (name: string) => string | undefined): Asked {
  const list = (name: string) =>
    text(name)
      ?.split(',')
      .map((part) => part.trim())
  const asked: Asked = {
    nulls: list('null') ?? [],
    noHeader: args.values['no-header'] === true,
    rename: pairs(text('rename'), '--rename', '='),
    types: pairs(text('types'), '--types', ':'),
  }
  const optional: [keyof Asked, unknown][] = [
    ['format', text('format')],
    ['delimiter', text('delimiter')],
    ['encoding', text('encoding')],
    ['decimal', text('decimal')],
    ['target', text('target')],
    ['targetColumn', text('target-column')],
    ['tsColumn', text('ts-column')],
    ['tsFormat', text('ts-format')],
    ['zone', text('time-zone')],
    ['midColumn', text('mid-column')],
    ['columns', list('columns')],
  ]
  for (const [key, value] of optional) if (value !== undefined) Object.assign(asked, { [key]: value })
  return asked
}

function whole(said: string | undefined, name: string, otherwise: number, most: number): number {
  if (said === undefined) return otherwise
  const n = Number(said)
  if (!Number.isInteger(n) || n < 1 || n > most) throw new UsageError(`--${name} is a number from 1 to ${count(most)}.`)
  return n
}

/** What would be stored, for people to look at; on stderr, for stdout holds the summary. */
async function preview(file: string, category: string, plan: Plan, quiet: boolean): Promise<void> {
  if (quiet && !isTerminal()) return
  const say = (line: string) => void process.stderr.write(`${line}\n`)
  const { delimiter, fields, ts, target } = plan
  const kind = plan.format === 'csv' ? `CSV, delimiter ${JSON.stringify(delimiter)}` : plan.format
  say(`${file}: ${kind}, into "${category}"`)
  say(`  target  ${'fixed' in target ? target.fixed : `column ${target.column}`}`)
  say(
    `  time    ${ts ? `column ${ts.column}${plan.zone ? `, in ${plan.zone}` : ''}` : 'the time of the file, a microsecond more each line'}`,
  )
  if (fields)
    say(`  fields  ${fields.map((f) => `${f.name}${f.name === f.column ? '' : ` (${f.column})`}: ${f.type}`).join(', ')}`)
  if (fields && delimiter !== ',' && plan.decimal === '.' && fields.some((f) => f.type === 'text')) {
    const sample = await firstReadings(file, plan, 20)
    if (sample.some((r) => /":"-?\d+,\d+"/.test(r)))
      say('  There are numbers with a comma: say --decimal , to read them as numbers.')
  }
  for (const reading of await firstReadings(file, plan, 5)) say(`  ${reading}`)
}

async function firstReadings(file: string, plan: Plan, most: number): Promise<string[]> {
  const { hash, baseMicros } = fileIdentity(file)
  const convert = converter(plan, { hash, baseMicros })
  const { blocks } = openSource(file, plan.format, plan.start, { delimiter: plan.delimiter, most, mostBytes: 1_000_000 })
  for await (const block of blocks) {
    const { sent, refused } = convert(block)
    return [...sent.map((s) => s.json), ...refused.map((r) => `line ${r.line.line} is rejected: ${r.code} ${r.message}`)]
  }
  return []
}

/** A CSV's first line as it is, without what ends it. */
function firstLine(file: string, plan: Plan): Buffer | null {
  if (plan.format !== 'csv' || plan.start.offset === 0) return null
  const quoted = (c: string) => (c.includes(plan.delimiter) || c.includes('"') ? `"${c.replaceAll('"', '""')}"` : c)
  if (file.endsWith('.gz')) return Buffer.from((plan.columns ?? []).map(quoted).join(plan.delimiter))
  const line = Buffer.alloc(plan.start.offset)
  const handle = openSync(file, 'r')
  readSync(handle, line, 0, line.length, 0)
  closeSync(handle)
  const end = line.findLastIndex((c) => c !== 0x0a && c !== 0x0d)
  return line.subarray(0, end + 1)
}
