// SPDX-License-Identifier: MIT
// tmictl limits: how many requests a minute a token, a user or an address has.
import { withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'

interface Limit {
  scope: string
  endpoint: string
  subject: string | null
  per_minute: number
}

export const command: Command = {
  summary: 'Requests a minute that tokens, users and addresses have: list or set them.',
  usage:
    'limits list | set token|user|address read|write|ingest|live|login|anonymous NUMBER|none|default [--of SUBJECT] [--postgres URL] [--json]',
  examples: ['tmictl limits list', 'tmictl limits set user read 600 --of listener:dashboard'],
  options: { of: { type: 'string' }, postgres: { type: 'string' } },
  async run({ positionals, values, json }: Args): Promise<number> {
    const [what, ...rest] = positionals
    const url = values.postgres as string | undefined
    if (what === 'list' && rest.length === 0) return await list(url, json)
    if (what === 'set' && rest.length === 3)
      return await set(url, rest as [string, string, string], values.of as string | undefined, json)
    throw new UsageError(
      what === undefined ? 'Say what to do.' : `"limits ${positionals.join(' ').slice(0, 80)}" is not understood.`,
    )
  },
}

async function list(url: string | undefined, json: boolean): Promise<number> {
  const limits = await withDatabase(url, (ask) => ask<Limit>('select * from tmidb.rate_limits()'))
  if (json) printJson({ limits })
  else {
    for (const { scope, endpoint, subject, per_minute } of limits) {
      print(`${scope.padEnd(8)}${endpoint.padEnd(10)}${words(per_minute).padStart(13)}  ${subject ?? `each ${scope}`}`)
    }
  }
  return exit.ok
}

/** default: the limit goes, and the one for all counts again. */
async function set(
  url: string | undefined,
  [scope, endpoint, number]: [string, string, string],
  subject: string | undefined,
  json: boolean,
): Promise<number> {
  const limit = number === 'none' ? 0 : number === 'default' ? null : Number(number)
  if (limit !== null && !(Number.isInteger(limit) && limit >= 0))
    throw new UsageError(`"${number.slice(0, 40)}" is no number of requests.`)
  if (limit === null && subject === undefined)
    throw new UsageError('Say whose limit goes: --of SUBJECT. For all, "none" takes it away.')
  await withDatabase(url, (ask) => ask('select tmidb.set_rate_limit($1, $2, $3, $4)', [scope, endpoint, limit, subject ?? null]))
  if (json) printJson({ scope, endpoint, subject: subject ?? null, per_minute: limit })
  else print(`${subject ?? `Each ${scope}`}: ${limit === null ? `what each ${scope} has` : words(limit)} (${endpoint})`)
  return exit.ok
}

const words = (perMinute: number): string => (perMinute === 0 ? 'no limit' : `${perMinute}/minute`)
