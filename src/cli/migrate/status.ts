// SPDX-License-Identifier: MIT
import { readFolder } from '../../db/migrations/files.ts'
import { readHistory, statesOf } from '../../db/migrations/history.ts'
import { readWarnings } from '../../db/migrations/run.ts'
import { administratorUrl, withClientOf } from '../administrator.ts'
import { type Args, exit, print, printJson } from '../command.ts'
import { warningLines } from './changes.ts'
import { folderOf, text } from './folder.ts'

/** 7 if an applied file was edited or is gone, or one would come too late. */
export async function status(args: Args): Promise<number> {
  const dir = folderOf(args)
  const folder = readFolder(dir)
  const { states, warnings } = await withClientOf(text(args, 'postgres') ?? administratorUrl(), async (client) => ({
    states: statesOf(folder, await readHistory(client)),
    warnings: await readWarnings(client),
  }))
  const isOdd = states.some((s) => s.state === 'changed' || s.state === 'missing' || s.outOfOrder)
  if (args.json) {
    printJson({ dir, migrations: states.map(({ migration: _, ...s }) => s), strangers: folder.strangers, warnings })
    return isOdd ? exit.problems : exit.ok
  }
  if (states.length === 0) print(`There are no migrations in ${dir}. Begin with "tmictl migrate new add_sites".`)
  for (const s of states) print(`${said[s.state].padEnd(9)} ${s.name}${s.appliedAt ? `  ${s.appliedAt}` : ''}${remark(s)}`)
  for (const name of folder.strangers) print(`ignored   ${name} (its name does not begin with a timestamp and "_")`)
  for (const line of warningLines(warnings)) print(line)
  return isOdd ? exit.problems : exit.ok
}

const said = { applied: 'applied', pending: 'pending', changed: 'changed', missing: 'missing' } as const

function remark({ state, outOfOrder }: { state: string; outOfOrder: boolean }): string {
  if (state === 'changed') return '  (edited since)'
  if (state === 'missing') return '  (applied, but its file is not here)'
  return outOfOrder ? '  (older than what is applied: --allow-out-of-order)' : ''
}

export async function history(args: Args): Promise<number> {
  const runs = await withClientOf(text(args, 'postgres') ?? administratorUrl(), readHistory)
  if (args.json) printJson({ runs })
  else if (runs.length === 0) print('Nothing has been applied yet.')
  else
    for (const r of runs) {
      const by = r.person ? `${r.login} (${r.person})` : r.login
      print(`${r.at}  ${r.direction.padEnd(6)} ${r.name}  ${r.ms} ms  by ${by}  ${r.sha256.slice(0, 12)}${notes(r)}`)
    }
  return exit.ok
}

function notes({ transactional, broke }: { transactional: boolean; broke: string[] | null }): string {
  const said = [transactional ? '' : 'outside a transaction', broke ? `forced, ${broke.length} broken` : ''].filter(Boolean)
  return said.length > 0 ? `  (${said.join('; ')})` : ''
}
