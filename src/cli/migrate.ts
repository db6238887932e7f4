// SPDX-License-Identifier: MIT
import { type Args, type Command, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

export const command: Command = {
  summary: 'Change the schema by your own SQL migrations, and see what becomes of the API first.',
  usage: `migrate new <name> | up | down | status | history [--json]
  new add_sites: writes a file with an example to ./migrations (or --dir, or TMIDB_MIGRATIONS)
  up: applies what is pending    --to <name>  --count <n>  --dry-run  --force  --allow-out-of-order
  down: takes the last one back  --to <name>  --count <n>  --dry-run  --force
        --to <name>: afterwards <name> is the last that is applied
        --dry-run: prints the SQL and what changes in GraphQL and OpenAPI, and changes nothing
        --force: though it breaks the API, or though an applied file was edited
        --wait 60: seconds to wait while somebody else migrates
  all: --postgres <url of another login>
  system status | up | down [n] --yes: tmiDB's own schema steps, which every start applies`,
  examples: ['npx tmictl migrate new add_sites', 'npx tmictl migrate up --dry-run'],
  options: {
    dir: text,
    to: text,
    count: text,
    'dry-run': flag,
    force: flag,
    'allow-out-of-order': flag,
    wait: text,
    postgres: text,
    yes: flag,
  },
  run,
}

type Act = (args: Args) => Promise<number> | number

/** Loaded when asked for: what reads the API takes half a second, which the others need not wait for. */
const acts: Record<string, () => Promise<Act>> = {
  new: async () => (await import('./migrate/new.ts')).make,
  up: async () => (await import('./migrate/apply.ts')).up,
  down: async () => (await import('./migrate/apply.ts')).down,
  status: async () => (await import('./migrate/status.ts')).status,
  history: async () => (await import('./migrate/status.ts')).history,
  system: async () => (await import('./migrate/system.ts')).system,
}

async function run(args: Args): Promise<number> {
  const [act = 'status', more] = args.positionals
  const load = acts[act]
  if (!load) {
    const near = nearestWord(act, Object.keys(acts))
    throw new UsageError(`There is no "migrate ${act}".${near ? ` Did you mean "${near}"?` : ''}`)
  }
  if (more !== undefined && act !== 'new' && act !== 'system') throw new UsageError(`"${more}" is too much.`)
  return await (await load())(args)
}
