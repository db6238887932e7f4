// SPDX-License-Identifier: MIT
// tmiDB's own schema steps, which every start applies: for a server of one's own, and for who looks inside.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { loadConfig } from '../../base/config.ts'
import { TmiError } from '../../base/errors.ts'
import { history, migrate, migrateDown } from '../../db/migrate.ts'
import { runningOwner, type Secrets } from '../../supervisor/data-folder.ts'
import { type Args, exit, print, printJson, UsageError } from '../command.ts'
import { nearestWord } from '../nearest-word.ts'

export async function system(args: Args): Promise<number> {
  const [, what, count = '1'] = args.positionals
  const options = { superuserUrl: superuserUrl(), log: (line: string) => void process.stderr.write(`${line}\n`) }
  if (what === 'status') {
    const steps = await history(options)
    if (args.json) printJson({ steps })
    else for (const s of steps) print(`${s.name.padEnd(32)}${s.appliedAt ?? 'not applied'}`)
    return exit.ok
  }
  if (what === 'up') {
    const done = await migrate(options)
    if (args.json) printJson(done)
    else print(done.steps.length > 0 ? `${done.steps.length} steps applied.` : 'Nothing to do.')
    return exit.ok
  }
  if (what === 'down') {
    const n = Number(count)
    if (!Number.isInteger(n) || n < 1) throw new UsageError(`"${count}" is not a number of steps.`)
    if (!args.values.yes) throw new UsageError('Taking steps back drops the data of their tables: say --yes.')
    const steps = await migrateDown(options, n)
    if (args.json) printJson({ steps })
    else print(`${steps.length} steps taken back: ${steps.join(', ') || 'none'}.`)
    return exit.ok
  }
  const near = what ? nearestWord(what, ['status', 'up', 'down']) : null
  throw new UsageError(
    what ? `There is no "migrate system ${what}".${near ? ` Did you mean "${near}"?` : ''}` : 'Say what to do.',
  )
}

function superuserUrl(): string {
  const config = loadConfig()
  if (config.pgUrl) return config.pgUrl
  if (!runningOwner(config.dataDir)) {
    throw new TmiError('TM501', `The database of ${config.dataDir} does not run.`, {
      hint: 'Start it with "npm start", or set TMIDB_PG_URL.',
    })
  }
  const secrets = JSON.parse(readFileSync(join(config.dataDir, 'secrets.json'), 'utf8')) as Secrets
  return `postgres://postgres:${secrets.postgres}@127.0.0.1:${config.pgPort}/tmidb`
}
