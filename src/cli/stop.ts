// SPDX-License-Identifier: MIT
import { loadConfig } from '../base/config.ts'
import { runningOwner } from '../supervisor/data-folder.ts'
import { gone, kill } from '../supervisor/process.ts'
import { type Args, type Command, exit, print, printJson } from './command.ts'

export const command: Command = {
  summary: 'Stop what runs on this data folder, in order.',
  isBare: true,
  usage: 'stop [--json]',
  examples: ['npx tmictl stop', 'TMIDB_DATA=/srv/tmidb npx tmictl stop'],
  run,
}

async function run(args: Args): Promise<number> {
  const { dataDir } = loadConfig()
  const owner = runningOwner(dataDir)
  const answer = (stopped: boolean, line: string) =>
    args.json ? printJson({ stopped, running: owner !== null && !stopped }) : print(line)
  if (!owner) {
    answer(true, `Nothing runs on ${dataDir}.`)
    return exit.ok
  }
  kill(owner.pid, 'SIGTERM')
  if (await gone(owner.pid, 60_000)) {
    answer(true, 'tmiDB has stopped.')
    return exit.ok
  }
  answer(false, `Process ${owner.pid} has not stopped within 60 s.`)
  return exit.timeout
}
