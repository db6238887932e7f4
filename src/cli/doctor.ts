// SPDX-License-Identifier: MIT
// tmictl doctor: what is wrong with a running instance, what to do about it, and nothing changed. The database is asked by the rules of
// db/lint, the rest (servers, machine, files) by the questions in doctor/.
import { type Config, loadConfig } from '../base/config.ts'
import { allFindings, type Finding, type Level, levels } from '../db/lints.ts'
import { administratorUrl, withClientOf } from './administrator.ts'
import { type Args, type Command, exit, print, printJson } from './command.ts'
import { machineFindings } from './doctor/machine.ts'
import { serverFindings } from './doctor/servers.ts'
import { count } from './progress.ts'

export const command: Command = {
  summary: 'Look for what is wrong: open tables, unsafe settings, full disks, expiring certificates. Changes nothing.',
  isBare: true,
  usage: 'doctor [--all] [--quick] [--postgres URL] [--json]',
  examples: ['npx tmictl doctor', 'npx tmictl doctor --json | jq \'.findings[] | select(.level == "error")\''],
  options: { postgres: { type: 'string' }, all: { type: 'boolean' }, quick: { type: 'boolean' } },
  run,
}

/** They read every reading, or every row of the audit. */
const slow = ['ledger_balance', 'audit_chain']

const words: Record<Level, string> = { error: 'ERROR', warn: 'WARN ', info: 'INFO ' }

async function run(args: Args): Promise<number> {
  const config = loadConfig()
  const other = args.values.postgres as string | undefined
  const found = await look(config, other, args.values.quick === true)
  const excused = found.filter((f) => f.reason !== null)
  const open = found.filter((f) => f.reason === null)
  const totals = Object.fromEntries(levels.map((level) => [level, open.filter((f) => f.level === level).length]))
  const bad = open.filter((f) => f.level !== 'info')
  if (args.json) {
    printJson({ well: bad.length === 0, totals, findings: open, exceptions: excused })
  } else {
    for (const f of open) {
      print(`${words[f.level]} ${f.lint}: ${f.what}`)
      if (f.mend) print(`      ${f.mend}`)
    }
    if (args.values.all) for (const f of excused) print(`meant ${f.lint}: ${f.what} (${f.reason})`)
    print(
      open.length === 0
        ? `All is well.${said(excused.length)}`
        : `${levels.map((l) => `${count(totals[l] ?? 0)} ${l}`).join(', ')}.${said(excused.length)} docs/lints.md explains the rules.`,
    )
  }
  return bad.length === 0 ? exit.ok : exit.problems
}

function said(exceptions: number): string {
  return exceptions === 0 ? '' : ` ${count(exceptions)} meant so (--all shows them).`
}

/** With a database of another place only that one is judged: this machine is not its own. */
async function look(config: Config, other: string | undefined, quick: boolean): Promise<Finding[]> {
  const url = other ?? administratorUrl()
  const lints = await withClientOf(url, (client) => allFindings(client, quick ? slow : []))
  const rest = [await serverFindings(url, other ? null : config), other ? [] : machineFindings(config)].flat()
  return [...rest, ...lints].sort((a, b) => levels.indexOf(a.level) - levels.indexOf(b.level))
}
