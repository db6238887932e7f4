// SPDX-License-Identifier: MIT
// tmictl access: who may see and do what, and why.
import { explain, view } from './access/explain.ts'
import { grant, list, revoke } from './access/grants.ts'
import { group, groups, role, roles } from './access/groups.ts'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, refuseForeign, UsageError } from './command.ts'
import { nearestWord } from './nearest-word.ts'

const text = { type: 'string' } as const
const texts = { type: 'string', multiple: true } as const

/** WHO is listener:<name>, user:<login>, role:<name>, speaker:<name>; to explain, token:<prefix> too. */
export const command: Command = {
  summary: 'Who may see and do what: explain it, grant, revoke, list, view as somebody.',
  usage: `access explain WHO [category [target [field]]] [--ts T] [--action read|write|command|admin] [--address IP]    (exit 0: yes, 4: no)
       tmictl access view listener:NAME|user:LOGIN [category] [--limit 20]    what they see
       tmictl access grant WHO [--action read]... [--category C] [--target T]... [--group G] [--fields a,b] [--window 24h]
       tmictl access revoke NUMBER... | list [WHO]
       tmictl access groups | group NAME [--condition '$.site == "busan"' | --remove]
       tmictl access roles | role NAME [--description WORDS | --remove]
       WHO is listener:NAME, user:LOGIN, role:NAME or speaker:NAME; explain takes token:PREFIX too`,
  examples: [
    'tmictl access grant listener:A --category sensor --group busan --fields temp --window 24h',
    'tmictl access explain listener:A sensor truck-1 temp',
  ],
  options: {
    action: texts,
    address: text,
    category: text,
    condition: text,
    description: text,
    fields: text,
    group: text,
    limit: text,
    postgres: text,
    remove: { type: 'boolean' },
    target: texts,
    ts: text,
    window: text,
  },
  run,
}

export type Verb = (ask: Ask, args: Args, words: readonly string[]) => Promise<number>

/** Each with how many words stand behind it, at least and at most, and its own options. */
const verbs: Record<string, readonly [Verb, number, number, string[]]> = {
  explain: [explain, 1, 4, ['ts', 'action', 'address']],
  view: [view, 1, 2, ['limit']],
  grant: [grant, 1, 1, ['action', 'category', 'target', 'group', 'fields', 'window']],
  revoke: [revoke, 1, 100, []],
  list: [list, 0, 1, []],
  groups: [groups, 0, 0, []],
  group: [group, 1, 1, ['condition', 'remove']],
  roles: [roles, 0, 0, []],
  role: [role, 1, 1, ['description', 'remove']],
}

/** The kinds of those who are named by kind and name; "access view" knows which of them see anything. */
const holders: Record<string, RegExp> = {
  explain: /^(listener|user|role|speaker|token):./,
  view: /^[a-z]+:./,
  grant: /^(listener|user|role|speaker):./,
  list: /^(listener|user|role|speaker):./,
}

const actions = ['read', 'write', 'command', 'admin']

async function run(args: Args): Promise<number> {
  const [verb, ...words] = args.positionals
  const found = verb !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!found) {
    const near = verb === undefined ? null : nearestWord(verb, Object.keys(verbs))
    throw new UsageError(
      verb === undefined ? 'Say what to do.' : `There is no "access ${verb}".${near ? ` Did you mean "${near}"?` : ''}`,
    )
  }
  const [fn, least, most, options] = found
  if (words.length < least) throw new UsageError(least === 1 && verb !== 'revoke' ? 'Say of whom or what.' : 'Say which grants.')
  if (words.length > most) throw new UsageError(`"${words[most]}" is one word too many.`)
  refuseForeign(`access ${verb}`, args.values, options)
  const [who] = words
  if (who !== undefined && holders[verb as string]?.test(who) === false)
    throw new UsageError(`"${who}" is not understood: say kind and name, such as listener:dashboard or user:kim.`)
  for (const [option, value] of Object.entries(args.values))
    if (option !== 'description' && option !== 'fields' && [value].flat().includes(''))
      throw new UsageError(`--${option} is empty.`)
  const odd = (args.values.action as string[] | undefined)?.find((a) => !actions.includes(a))
  if (odd !== undefined) {
    const near = nearestWord(odd, actions)
    throw new UsageError(`There is no action "${odd}": say ${actions.join(', ')}.${near ? ` Did you mean "${near}"?` : ''}`)
  }
  return await withDatabase(args.values.postgres as string | undefined, (ask) => fn(ask, args, words))
}
