// SPDX-License-Identifier: MIT
// tmictl: one file per command in cli/. Exit codes: 0 ok, 1 failed, 2 wrong usage, 3 not found, 4 not allowed, 5 not running,
// 6 timeout, 7 problems found, 130 interrupted.
import { parseArgs } from 'node:util'
import { errorTable, TmiError } from './base/errors.ts'
import { type Command, exit, UsageError, visible } from './cli/command.ts'
import { nearestWord } from './cli/nearest-word.ts'

const commands: Record<string, () => Promise<{ command: Command }>> = {
  start: () => import('./cli/start.ts'),
  stop: () => import('./cli/stop.ts'),
  status: () => import('./cli/status.ts'),
  doctor: () => import('./cli/doctor.ts'),
  access: () => import('./cli/access.ts'),
  connector: () => import('./cli/connector.ts'),
  migrate: () => import('./cli/migrate.ts'),
  schema: () => import('./cli/schema.ts'),
  tail: () => import('./cli/tail.ts'),
  token: () => import('./cli/token.ts'),
  import: () => import('./cli/import.ts'),
  'dead-letters': () => import('./cli/dead-letters.ts'),
  audit: () => import('./cli/audit.ts'),
  documents: () => import('./cli/documents.ts'),
  user: () => import('./cli/user.ts'),
  limits: () => import('./cli/limits.ts'),
  version: () => import('./cli/version.ts'),
}

// Whoever reads us may stop reading; a command that has only output to give ends by itself then (tail).
process.stdout.on('error', () => {})
process.stderr.on('error', () => {})
process.exitCode = await main(process.argv.slice(2))

async function main(argv: string[]): Promise<number> {
  const [name, ...rest] = argv
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') return await help(rest[0])
  if (name === '--version' || name === '-v') return await main(['version', ...rest])
  const load = Object.hasOwn(commands, name) ? commands[name] : undefined
  const json = rest.includes('--json')
  if (!load) {
    const near = nearestWord(name, Object.keys(commands))
    const message = `There is no command "${name}".${near ? ` Did you mean "${near}"?` : ''}`
    return complain({ code: 'usage', message, hint: 'tmictl --help lists them.' }, exit.usage, json)
  }
  const { command } = await load()
  if (rest.includes('--help') || rest.includes('-h')) return await help(name)
  try {
    const { values, positionals } = parse(command, rest)
    if (command.isBare && positionals.length > 0) throw new UsageError(`"${positionals[0]}" is one word too many.`)
    return await command.run({ values, positionals, json: values.json === true })
  } catch (e) {
    if (e instanceof UsageError)
      return complain({ code: 'usage', message: e.message, hint: `usage: tmictl ${command.usage}` }, exit.usage, json)
    if (!(e instanceof TmiError)) throw e
    // The table's own hint ("the message says it") adds nothing at a terminal.
    const hint = e.hint === errorTable[e.code].hint && !json ? '' : e.hint
    return complain({ code: e.code, message: e.message, hint }, exitOf(e), json)
  }
}

function exitOf(e: TmiError): number {
  if (isMistyped(e)) return exit.usage
  if (e.code === 'TM107' || e.status === 404) return exit.notFound
  if (e.code === 'TM306') return exit.problems
  if (e.status === 401 || e.status === 403) return exit.notAllowed
  return e.code === 'TM401' ? exit.unreachable : exit.failed
}

/** What is no number, time, interval or address at all. */
function isMistyped(e: TmiError): boolean {
  return e.code === 'TM303' && ['22007', '22008', '22P02'].includes((e.cause as { code?: string } | undefined)?.code ?? '')
}

function parse(command: Command, args: string[]) {
  const options = { ...command.options, json: { type: 'boolean' as const } }
  try {
    return parseArgs({ args, options, allowPositionals: true, strict: true })
  } catch (e) {
    const unknown = /'(--[^' ]+)/.exec(e instanceof Error ? e.message : '')?.[1]
    const near = unknown
      ? nearestWord(
          unknown,
          Object.keys(options).map((o) => `--${o}`),
        )
      : null
    const said = e instanceof Error ? (e.message.split('. ')[0] ?? e.message) : String(e)
    throw new UsageError(`${said}.${near && near !== unknown ? ` Did you mean "${near}"?` : ''}`)
  }
}

async function help(name: string | undefined): Promise<number> {
  const load = name === undefined ? undefined : commands[name]
  if (name !== undefined && !load) return await main([name])
  if (load) {
    const { command } = await load()
    const [one, two] = command.examples
    process.stdout.write(`${command.summary}\n\nusage: tmictl ${command.usage}\n\nexamples:\n  ${one}\n  ${two}\n`)
    return exit.ok
  }
  const lines = await Promise.all(
    Object.entries(commands).map(async ([n, l]) => `  ${n.padEnd(14)}${(await l()).command.summary}`),
  )
  process.stdout.write(`usage: tmictl <command> [options]\n\n${lines.join('\n')}\n
Every command takes --json and --help.

examples:
  npx tmictl start
  npx tmictl status --json
`)
  return exit.ok
}

/** On stderr: a sentence and what to do, or the same as JSON. */
function complain(error: { code: string; message: string; hint: string }, code: number, json: boolean): number {
  const lines = [...error.message.split('\n'), ...(error.hint ? error.hint.split('\n').map((l) => `  ${l}`) : [])]
  process.stderr.write(`${json ? visible(JSON.stringify({ error })) : lines.map(visible).join('\n')}\n`)
  return code
}
