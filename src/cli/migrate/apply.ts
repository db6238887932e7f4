// SPDX-License-Identifier: MIT
import { hostname, userInfo } from 'node:os'
import type { ApiChange } from '../../api/change.ts'
import { readContract } from '../../api/contract.ts'
import { apiDiff } from '../../api/diff.ts'
import { TmiError } from '../../base/errors.ts'
import { observeOn } from '../../base/observe.ts'
import type { Direction } from '../../db/migrations/files.ts'
import { Busy } from '../../db/migrations/lock.ts'
import type { Extent } from '../../db/migrations/plan.ts'
import { rehearse, run } from '../../db/migrations/run.ts'
import { Interrupted, type Options } from '../../db/migrations/session.ts'
import { administratorUrl, inOurWords } from '../administrator.ts'
import { type Args, exit, print, printBlock, printJson, UsageError } from '../command.ts'
import { brokenLines, changeLines, warningLines } from './changes.ts'
import { folderOf, text } from './folder.ts'

export async function up(args: Args): Promise<number> {
  return await apply(args, 'up')
}

export async function down(args: Args): Promise<number> {
  return await apply(args, 'down')
}

async function apply(args: Args, direction: Direction): Promise<number> {
  // What GraphQL cannot show is told among the changes.
  observeOn({ write: () => {} })
  const extent = extentOf(args)
  const stop = new AbortController()
  const interrupt = () => {
    if (stop.signal.aborted) process.exit(exit.interrupted)
    say('Interrupted; taking back what was begun.')
    stop.abort()
  }
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt)
  try {
    const options = { ...optionsOf(args), signal: stop.signal }
    return await inOurWords(() => (args.values['dry-run'] ? tryOut : change)(args, options, direction, extent))
  } catch (e) {
    if (e instanceof Interrupted) {
      say(`Nothing of what was running was kept${e.done.length > 0 ? `; done before: ${e.done.join(', ')}` : ''}.`)
      return exit.interrupted
    }
    if (e instanceof Busy) {
      say(`${e.message}\n  ${e.hint}`)
      return exit.timeout
    }
    if (e instanceof TmiError && e.code === 'TM306') {
      if (args.json) printJson({ refused: e.message, breaking: e.details })
      else for (const line of brokenLines(e.details as ApiChange[])) print(line)
    }
    throw e
  } finally {
    process.off('SIGINT', interrupt).off('SIGTERM', interrupt)
  }
}

type All = Options<Awaited<ReturnType<typeof readContract>>, ApiChange>

async function change(args: Args, options: All, direction: Direction, extent: Extent): Promise<number> {
  const { steps, warnings } = await run(options, direction, extent)
  if (args.json) {
    printJson({ steps: steps.map(({ sql: _, ...step }) => step), warnings })
    return exit.ok
  }
  if (steps.length === 0) print(nothing(direction, extent, options.dir))
  for (const step of steps) {
    print(
      `${step.name} ${step.direction === 'up' ? 'applied' : 'taken back'}${step.transactional ? '' : ' outside a transaction'}`,
    )
    for (const line of changeLines(step.changes)) print(`  ${line}`)
  }
  for (const line of warningLines(warnings)) print(line)
  return exit.ok
}

async function tryOut(args: Args, options: All, direction: Direction, extent: Extent): Promise<number> {
  const { steps, changes, warnings } = await rehearse(options, direction, extent)
  const breaking = changes.filter((c) => c.breaking).length
  if (args.json) printJson({ dryRun: true, steps: steps.map(({ changes: _, broke: __, ...step }) => step), changes, warnings })
  else if (steps.length === 0) print(nothing(direction, extent, options.dir))
  else {
    for (const step of steps) {
      const outside = step.transactional ? '' : '; outside a transaction, so it was not tried'
      printBlock(`-- ${step.name} ${step.direction} (${step.ms} ms${outside})\n${step.sql}\n`)
    }
    for (const line of changeLines(changes)) print(line)
    for (const line of warningLines(warnings)) print(line)
    print(breaking > 0 ? 'Nothing was changed. For real this needs --force.' : 'Nothing was changed.')
  }
  return breaking > 0 ? exit.problems : exit.ok
}

function nothing(direction: Direction, { to }: Extent, dir: string): string {
  return to
    ? `Nothing to do: ${to} is the last already.`
    : direction === 'up'
      ? `Nothing is pending in ${dir}.`
      : 'Nothing is applied.'
}

function extentOf(args: Args): Extent {
  const to = text(args, 'to')?.replace(/\.sql$/, '')
  const count = text(args, 'count')
  if (to !== undefined && count !== undefined) throw new UsageError('Say --to or --count, not both.')
  if (count !== undefined && !/^[1-9]\d{0,5}$/.test(count)) throw new UsageError(`"${count}" is not a number of migrations.`)
  return { ...(to === undefined ? {} : { to }), ...(count === undefined ? {} : { count: Number(count) }) }
}

function optionsOf(args: Args): Omit<All, 'signal'> {
  const wait = text(args, 'wait') ?? '60'
  if (!/^\d{1,6}$/.test(wait)) throw new UsageError(`"${wait}" is not a number of seconds.`)
  return {
    url: text(args, 'postgres') ?? administratorUrl(),
    dir: folderOf(args),
    api: { read: readContract, diff: apiDiff },
    person: `${userInfo().username}@${hostname()}`,
    force: args.values.force === true,
    allowOutOfOrder: args.values['allow-out-of-order'] === true,
    waitMs: Number(wait) * 1000,
    say,
  }
}

function say(line: string): void {
  process.stderr.write(`${line}\n`)
}
