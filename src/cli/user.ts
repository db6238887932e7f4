// SPDX-License-Identifier: MIT
// tmictl user: the people who sign in.
import { TmiError } from '../base/errors.ts'
import { randomPassword } from '../base/password.ts'
import { createAccount, resetPassword } from '../db/accounts.ts'
import { withLogin } from '../db/superuser.ts'
import { type Ask, administratorUrl, allOrNothing, withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'
import { confirm, isTerminal } from './confirm.ts'
import { nearestWord } from './nearest-word.ts'
import { askNewPassword, readSecret } from './secret-prompt.ts'

const text = { type: 'string' } as const
const flag = { type: 'boolean' } as const

export const command: Command = {
  summary: 'People who sign in: make, list, change, shut out and remove them, and end their sessions.',
  usage: `user list [LOGIN]
       tmictl user create LOGIN --role ROLE [--email ADDRESS] [--name WORDS] [--generate | --stdin] [--sql]
       tmictl user role LOGIN ROLE: admin, editor, viewer, or a role of your own
       tmictl user password LOGIN [--generate | --stdin]: must be changed at the next login
       tmictl user password LOGIN --sql: a PostgreSQL login of the same name, or its next password
       tmictl user disable | enable LOGIN
       tmictl user remove LOGIN [--yes]
       tmictl user sessions LOGIN [--end ID | --end all]
     A password is asked for at a terminal, read from standard input with --stdin, and made up otherwise. Each takes --postgres URL.`,
  examples: [
    'npx tmictl user create kim --role editor --email kim@example.com --generate',
    'npx tmictl user create lee --role fleet --sql',
  ],
  options: {
    role: text,
    email: text,
    name: text,
    generate: flag,
    stdin: flag,
    sql: flag,
    yes: flag,
    end: text,
    postgres: text,
  },
  run,
}

interface Shown {
  login: string
  email: string | null
  display_name: string | null
  role: string
  is_enabled: boolean
  must_change_password: boolean
  postgres_login: string | null
  sessions: number
  last_login_at: Date | null
}

interface Session {
  session_id: string
  is_program: boolean
  created_at: Date
  seen_at: Date
  ends_at: Date
  address: string | null
  agent: string | null
}

interface Call extends Args {
  ask: Ask
  login: string
  word: string | undefined
}

/** How many words come behind each. */
const verbs: Record<string, { words: [least: number, most: number]; options: string[]; run(call: Call): Promise<number> }> = {
  list: { words: [0, 1], options: [], run: list },
  create: { words: [1, 1], options: ['role', 'email', 'name', 'generate', 'stdin', 'sql'], run: create },
  role: {
    words: [2, 2],
    options: [],
    run: (c) => simply(c, 'select tmidb.set_account_role($1, $2)', [c.word], `is ${c.word} now`),
  },
  password: { words: [1, 1], options: ['generate', 'stdin', 'sql'], run: setPassword },
  disable: { words: [1, 1], options: [], run: (c) => simply(c, 'select tmidb.disable_account($1)', [], 'is shut out') },
  enable: { words: [1, 1], options: [], run: (c) => simply(c, 'select tmidb.enable_account($1)', [], 'may sign in') },
  remove: { words: [1, 1], options: ['yes'], run: remove },
  sessions: { words: [1, 1], options: ['end'], run: sessions },
}

async function run(args: Args): Promise<number> {
  const [verb = '', ...words] = args.positionals
  const found = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!found) {
    const near = nearestWord(verb, Object.keys(verbs))
    throw new UsageError(verb === '' ? 'Say what to do.' : `There is no "user ${verb}".${near ? ` Did you mean "${near}"?` : ''}`)
  }
  const [least, most] = found.words
  if (words.length < least) throw new UsageError(words.length === 0 ? 'Say the login.' : 'Say the role.')
  if (words.length > most) throw new UsageError(`"${words[most]}" is one word too many.`)
  const foreign = Object.keys(args.values).find((o) => !['json', 'postgres', ...found.options].includes(o))
  if (foreign) throw new UsageError(`"user ${verb}" has no --${foreign}.`)
  if (args.values.generate && args.values.stdin) throw new UsageError('--generate and --stdin exclude each other.')
  const [login = '', word] = words
  return await withDatabase(args.values.postgres as string | undefined, (ask) => found.run({ ...args, ask, login, word }))
}

async function list({ ask, login, json }: Call): Promise<number> {
  const users = await ask<Shown>('select * from tmidb.accounts($1)', [login || null])
  if (json) printJson({ users })
  else if (users.length === 0) print(login ? `There is no user ${login}.` : 'No users.')
  for (const u of json ? [] : users) {
    const states = [
      u.is_enabled ? '' : 'disabled',
      u.must_change_password ? 'must change the password' : '',
      u.postgres_login ? 'psql' : '',
      u.sessions ? `${u.sessions} session${u.sessions === 1 ? '' : 's'}` : '',
      `last login ${u.last_login_at?.toISOString().slice(0, 16) ?? 'never'}`,
    ]
    print(
      `${u.login.padEnd(20)} ${u.role.padEnd(10)} ${states.filter(Boolean).join(', ')}  ${[u.display_name, u.email].filter(Boolean).join(' ')}`.trimEnd(),
    )
  }
  return login && users.length === 0 ? exit.notFound : exit.ok
}

async function create({ ask, login, values, json }: Call): Promise<number> {
  const role = values.role as string | undefined
  if (role === undefined) throw new UsageError('Say the role: --role admin, editor, viewer, or one of your own.')
  const chosen = await passwordFor(login, values)
  if (chosen === null) return exit.interrupted
  // An account whose password and token nobody saw would be of no use.
  const { made, postgres } = await allOrNothing(ask, async () => ({
    made: await createAccount(ask, {
      login,
      role,
      email: values.email as string | undefined,
      displayName: values.name as string | undefined,
      password: chosen,
    }),
    postgres: values.sql ? await sqlLogin(ask, login, values) : undefined,
  }))
  if (json) printJson({ ...made, ...(postgres ? { postgres } : {}) })
  else {
    print(`${login} is a user now: ${role}.`)
    if (made.password) print(`  password ${made.password}   (shown once; it must be changed at the first login)`)
    if (made.token) print(`  token    ${made.token}   (shown once)`)
    if (postgres) print(`  psql     ${postgres}   (shown once)`)
  }
  return exit.ok
}

async function setPassword({ ask, login, values, json }: Call): Promise<number> {
  if (values.sql) {
    if (values.stdin || values.generate)
      throw new UsageError('The password of a PostgreSQL login is always made up: say only --sql.')
    const postgres = await allOrNothing(ask, () => sqlLogin(ask, login, values))
    if (json) printJson({ login, postgres })
    else print(`${login} has the PostgreSQL login ${postgres}   (shown once)`)
    return exit.ok
  }
  const chosen = await passwordFor(login, values)
  if (chosen === null) return exit.interrupted
  const made = await resetPassword(ask, login, chosen)
  if (json) printJson({ login, ...(made ? { password: made } : {}) })
  else
    print(
      `${login} has another password${made ? `: ${made}   (shown once)` : ''}. It must be changed at the next login; all sessions ended.`,
    )
  return exit.ok
}

/** Undefined: make one up; null: interrupted. */
async function passwordFor(login: string, values: Args['values']): Promise<string | undefined | null> {
  if (values.generate) return undefined
  if (values.stdin) return await readSecret()
  if (!isTerminal()) return undefined
  const typed = await askNewPassword(login)
  return typed === '' ? undefined : typed
}

async function sqlLogin(ask: Ask, login: string, values: Args['values']): Promise<string> {
  const password = randomPassword()
  const [row] = await ask<{ name: string }>(`select tmidb.create_login('user', $1, $2) as name`, [login, password])
  return withLogin((values.postgres as string | undefined) ?? administratorUrl(), row?.name ?? login, password)
}

async function remove(call: Call): Promise<number> {
  const question = `Remove ${call.login} with sessions, tokens and rights?`
  if (!call.values.yes && !(isTerminal() && (await confirm(question)))) {
    process.stderr.write('Nothing was removed; say --yes.\n')
    return exit.failed
  }
  return await simply(call, 'select tmidb.remove_account($1)', [], 'is removed')
}

async function sessions({ ask, login, values, json }: Call): Promise<number> {
  const end = values.end as string | undefined
  if (end !== undefined) {
    if (end !== 'all' && !/^\d{1,18}$/.test(end)) throw new UsageError('--end takes the number of a session, or all.')
    const theirs = await ask<Session>('select * from tmidb.sessions($1)', [login])
    if (end !== 'all' && !theirs.some((s) => s.session_id === end))
      throw new TmiError('TM107', `${login} has no session ${end}.`, { hint: `tmictl user sessions ${login} shows them.` })
    const [row] =
      end === 'all'
        ? await ask<{ ended: number }>('select tmidb.end_sessions($1) as ended', [login])
        : await ask<{ ended: number }>('select 1 as ended from tmidb.end_session($1)', [end])
    if (json) printJson({ login, ended: row?.ended ?? 0 })
    else print(`${row?.ended ?? 0} ended.`)
    return exit.ok
  }
  const open = await ask<Session>('select * from tmidb.sessions($1)', [login])
  if (json) printJson({ login, sessions: open })
  else if (open.length === 0) print(`${login} is signed in nowhere.`)
  const time = (at: Date) => at.toISOString().slice(0, 16)
  for (const s of json ? [] : open)
    print(
      `${s.session_id.padStart(6)}  ${s.is_program ? 'program' : 'browser'}  since ${time(s.created_at)}  used ${time(s.seen_at)}  ends ${time(s.ends_at)}  ${s.address ?? ''}  ${s.agent ?? ''}`.trimEnd(),
    )
  return exit.ok
}

async function simply({ ask, login, json }: Call, sql: string, more: unknown[], done: string): Promise<number> {
  await ask(sql, [login, ...more])
  if (json) printJson({ login, done })
  else print(`${login} ${done}.`)
  return exit.ok
}
