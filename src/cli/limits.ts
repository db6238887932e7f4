// SPDX-License-Identifier: MIT
// tmictl limits: how many requests a minute a token, a user or an address has.
import { TmiError } from '../base/errors.ts'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, refuseForeign, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

interface Limit {
  scope: string
  endpoint: string
  subject: string | null
  per_minute: number
}

export const command: Command = {
  summary: 'Requests a minute that tokens, users and addresses have: list or set them.',
  usage: `limits list [--postgres URL] [--json]
       tmictl limits set token|user|address read|write|ingest|live|login|anonymous NUMBER|none|default [--of SUBJECT]
       NUMBER is requests a minute; 0 is "none": no limit. "default" takes the limit of one SUBJECT away.
       SUBJECT of a token: its number or prefix ("tmictl token list"); of a user: listener:NAME, speaker:NAME or user:LOGIN;
       of an address: one address (of IPv6 its /64). Only addresses have login and anonymous.`,
  examples: ['tmictl limits list', 'tmictl limits set user read 600 --of listener:dashboard'],
  options: { of: { type: 'string' }, postgres: { type: 'string' } },
  async run({ positionals, values, json }: Args): Promise<number> {
    const [what, ...rest] = positionals
    const url = values.postgres as string | undefined
    if (what === 'list' && rest.length === 0) {
      refuseForeign('limits list', values, [])
      return await list(url, json)
    }
    if (what === 'set' && rest.length === 3)
      return await set(url, rest as [string, string, string], values.of as string | undefined, json)
    throw new UsageError(
      what === undefined ? 'Say what to do.' : `"limits ${positionals.join(' ').slice(0, 80)}" is not understood.`,
    )
  },
}

const scopes = ['token', 'user', 'address']
const endpoints = ['read', 'write', 'ingest', 'live', 'login', 'anonymous']

function mustBeOf(words: string[], word: string): void {
  if (words.includes(word)) return
  const near = nearestWord(word, words)
  throw new UsageError(`"${word.slice(0, 40)}" is not one of ${words.join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`)
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
  mustBeOf(scopes, scope)
  mustBeOf(endpoints, endpoint)
  if (subject === '') throw new UsageError('--of is empty.')
  if (scope === 'address' && subject !== undefined && isNetwork(subject))
    throw new UsageError(
      `${subject.slice(0, 80)} is a network: each address has a limit of its own. Say one address, or none (without --of) for each.`,
    )
  const limit = number === 'none' ? 0 : number === 'default' ? null : Number(number)
  if (limit !== null && !(Number.isInteger(limit) && limit >= 0))
    throw new UsageError(`"${number.slice(0, 40)}" is no number of requests.`)
  if (limit === null && subject === undefined)
    throw new UsageError('Say whose limit goes: --of SUBJECT. For all, "none" takes it away.')
  await withDatabase(url, async (ask) => {
    const whose = scope === 'token' && subject !== undefined ? await numberOf(ask, subject) : (subject ?? null)
    await ask('select tmidb.set_rate_limit($1, $2, $3, $4)', [scope, endpoint, limit, whose])
  })
  if (json) printJson({ scope, endpoint, subject: subject ?? null, per_minute: limit })
  else print(`${subject ?? `Each ${scope}`}: ${limit === null ? `what each ${scope} has` : words(limit)} (${endpoint})`)
  return exit.ok
}

/** Of IPv6, 64 bits count as one address. */
function isNetwork(subject: string): boolean {
  const [address = '', bits] = subject.split('/')
  return bits !== undefined && !(address.includes(':') ? ['64', '128'] : ['32']).includes(bits)
}

/** A token's, by its number or its prefix. */
async function numberOf(ask: Ask, said: string): Promise<string> {
  const found = await ask<{ id: string }>(
    'select token_id::text as id from api.token where token_id::text = $1 or prefix = $1 order by revoked_at is not null, token_id desc',
    [said],
  )
  const [first] = found
  if (!first || found.length > 1)
    throw new TmiError('TM107', first ? 'Several tokens begin like this.' : `There is no token "${said.slice(0, 21)}".`, {
      hint: 'Say its number: "tmictl token list" shows it.',
    })
  return first.id
}

const words = (perMinute: number): string => (perMinute === 0 ? 'no limit' : `${perMinute}/minute`)
