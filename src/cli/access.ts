// SPDX-License-Identifier: MIT
// tmictl access: who may see and do what, and why.
import { explain, view } from './access/explain.ts'
import { grant, list, revoke } from './access/grants.ts'
import { group, groups, role, roles } from './access/groups.ts'
import { type Ask, withDatabase } from './administrator.ts'
import { type Args, type Command, UsageError } from './command.ts'
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

/** Each with how many words stand behind it, at least and at most. */
const verbs: Record<string, readonly [Verb, number, number]> = {
  explain: [explain, 1, 4],
  view: [view, 1, 2],
  grant: [grant, 1, 1],
  revoke: [revoke, 1, 100],
  list: [list, 0, 1],
  groups: [groups, 0, 0],
  group: [group, 1, 1],
  roles: [roles, 0, 0],
  role: [role, 1, 1],
}

async function run(args: Args): Promise<number> {
  const [verb, ...words] = args.positionals
  const found = verb !== undefined && Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!found) {
    const near = verb === undefined ? null : nearestWord(verb, Object.keys(verbs))
    throw new UsageError(
      verb === undefined ? 'Say what to do.' : `There is no "access ${verb}".${near ? ` Did you mean "${near}"?` : ''}`,
    )
  }
  const [fn, least, most] = found
  if (words.length < least) throw new UsageError(least === 1 && verb !== 'revoke' ? 'Say of whom or what.' : 'Say which grants.')
  if (words.length > most) throw new UsageError(`"${words[most]}" is one word too many.`)
  return await withDatabase(args.values.postgres as string | undefined, (ask) => fn(ask, args, words))
}
