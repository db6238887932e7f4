// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { type Config, loadConfig } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { readyBlock } from '../supervisor/ready.ts'
import { supervise } from '../supervisor.ts'
import { type Args, type Command, exit, printBlock, printJson } from './command.ts'

export const command: Command = {
  summary: 'Start everything here and keep it running until Ctrl-C.',
  isBare: true,
  usage: 'start [--demo] [--json]',
  examples: ['npx tmictl start', 'TMIDB_DATA=/srv/tmidb TMIDB_HTTP_PORT=80 npx tmictl start --json'],
  options: { demo: { type: 'boolean' } },
  run,
}

const demoProgram = join(import.meta.dirname, '..', 'demo.ts')

async function run(args: Args): Promise<number> {
  const config = loadConfig()
  if (args.values.demo && !existsSync(demoProgram))
    throw new TmiError('TM501', 'This checkout has no demo.', { hint: 'Start without --demo.' })
  const { stop, crashed } = stopOnSignals()
  const say = (line: string) => void (args.json ? process.stderr : process.stdout).write(`${line}\n`)
  try {
    await supervise({
      config,
      signal: stop.signal,
      say,
      onReady(connection, first) {
        if (args.json) printJson({ ready: true, first, data: config.dataDir, ...connection })
        else printBlock(readyBlock(connection, config.dataDir, first))
        if (args.values.demo) feedDemo(config, stop.signal, args.json)
      },
    })
  } catch (e) {
    if (!stop.signal.aborted || e !== stop.signal.reason) throw e
  }
  say('tmiDB has stopped.')
  return crashed() ? exit.failed : exit.ok
}

/** The first signal stops in order; one more, after a moment, at once. A signal may come twice: from the terminal and from npm. */
function stopOnSignals(): { stop: AbortController; crashed: () => boolean } {
  const stop = new AbortController()
  let first = 0
  let crash = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (first === 0) {
        first = Date.now()
        stop.abort(new Error(signal))
        setTimeout(() => process.stderr.write('Stopping; Ctrl-C once more stops at once.\n'), 1000).unref()
      } else if (signal === 'SIGINT' && Date.now() - first > 1000) process.exit(exit.interrupted)
    })
  }
  // A mistake of ours must not leave servers behind without their supervisor.
  process.on('uncaughtException', (e) => {
    process.stderr.write(`${e.stack ?? e}\n`)
    crash = true
    stop.abort(e)
  })
  return { stop, crashed: () => crash }
}

function feedDemo({ dataDir, tls }: Config, signal: AbortSignal, json: boolean): void {
  const child = spawn(process.execPath, [demoProgram], {
    // With --json nothing but JSON may stand on stdout. The channel tells it when we are gone.
    stdio: ['ignore', json ? 2 : 'inherit', 'inherit', 'ipc'],
    detached: true,
    env: { ...process.env, TMIDB_DATA: dataDir, ...(tls ? { NODE_EXTRA_CA_CERTS: tls.cert } : {}) },
  })
  child.on('error', (e) => process.stderr.write(`The demo cannot run: ${e.message}\n`))
  signal.addEventListener('abort', () => child.kill('SIGTERM'), { once: true })
}
