// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Args, type Command, exit, print, printJson } from './command.ts'

export const command: Command = {
  summary: 'Show the version.',
  isBare: true,
  usage: 'version [--json]',
  examples: ['npx tmictl version', 'npx tmictl version --json'],
  async run(args: Args) {
    const file = join(import.meta.dirname, '..', '..', 'package.json')
    const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string }
    if (args.json) printJson({ tmidb: version, node: process.versions.node })
    else print(`tmiDB ${version} (Node ${process.versions.node})`)
    return exit.ok
  },
}
