// SPDX-License-Identifier: MIT
import { loadConfig } from '../base/config.ts'
import { runningOwner, version } from '../supervisor/data-folder.ts'
import { readState } from '../supervisor/state.ts'
import { type Args, type Command, exit, print, printJson } from './command.ts'

export const command: Command = {
  summary: 'Show how the units are.',
  usage: 'status [--json]',
  examples: ['npx tmictl status', 'npx tmictl status --json | jq \'.units[] | select(.state != "ready")\''],
  run,
}

async function run(args: Args): Promise<number> {
  const { dataDir } = loadConfig()
  const owner = runningOwner(dataDir)
  const state = owner ? readState(dataDir) : null
  const units = state?.units ?? []
  if (args.json) {
    printJson({
      running: owner !== null,
      ready: state?.ready ?? false,
      version,
      data: dataDir,
      pid: owner?.pid ?? null,
      startedAt: state?.startedAt ?? null,
      units,
    })
  } else if (!owner) {
    print(`Nothing runs on ${dataDir}.`)
  } else {
    print(`tmiDB ${version} on ${dataDir}, process ${owner.pid}, since ${state?.startedAt ?? '?'}`)
    for (const u of units)
      print(
        `  ${u.name.padEnd(14)}${u.state.padEnd(10)}${String(u.pid ?? '-').padStart(8)}  since ${u.since}  restarts ${u.restarts}`,
      )
  }
  if (!owner) return exit.unreachable
  return state?.ready && units.every((u) => u.state === 'ready') ? exit.ok : exit.problems
}
