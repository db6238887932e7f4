// SPDX-License-Identifier: MIT
// What a new instance gets: an administrator, a first speaker, a first listener that may read everything. Run by the
// superuser; the functions are the same that administrators call later.
import { type Client, withClient } from './superuser.ts'

export interface FirstRun {
  speaker: { name: string; token: string }
  listener: { name: string; token: string }
}

const speaker = 'first-speaker'
const listener = 'first-listener'

/** keep is called with the tokens before they become valid, so that they cannot be lost: they are shown only once. */
export async function firstRun(url: string, passwordHash: string, keep: (made: FirstRun) => void): Promise<FirstRun> {
  return await withClient(url, async (client) => {
    await client.query('begin')
    await administrator(client, passwordHash)
    const made = {
      speaker: { name: speaker, token: await token(client, 'speaker', speaker) },
      listener: { name: listener, token: await token(client, 'listener', listener) },
    }
    await client.query('select tmidb.subscribe($1, null)', [listener])
    // The first look around is with this token: Ruru and code generators need the schema.
    await client.query('select tmidb.allow_introspection($1)', [listener])
    keep(made)
    await client.query('commit')
    return made
  })
}

/** On a database of one's own a data folder may be new and the administrator old, with a password that is lost by now. */
async function administrator(client: Client, passwordHash: string): Promise<void> {
  const { rowCount } = await client.query(`select from tmidb.accounts('admin')`)
  const statement = rowCount
    ? `select tmidb.set_account_role('admin', 'admin'), tmidb.enable_account('admin'), tmidb.set_password_hash('admin', $1, false)`
    : `select tmidb.create_account('admin', $1, 'admin')`
  await client.query(statement, [passwordHash])
}

/** On a database of one's own a data folder may be new and the speaker old: then it gets one more token. */
async function token(client: Client, kind: 'speaker' | 'listener', name: string): Promise<string> {
  const exists = kind === 'speaker' ? 'select from tmidb.speaker where name = $1' : 'select from tmidb.listener where name = $1'
  const create = kind === 'speaker' ? 'select tmidb.create_speaker($1) as token' : 'select tmidb.create_listener($1) as token'
  const found = await client.query(exists, [name])
  const { rows } = found.rowCount
    ? await client.query<{ token: string }>('select tmidb.create_token($1, $2) as token', [kind, name])
    : await client.query<{ token: string }>(create, [name])
  return rows[0]?.token ?? ''
}

/** Whether the speaker's token of a connection.json is one of this database. */
export async function knowsToken(url: string, text: string): Promise<boolean> {
  return await withClient(url, async (client) => {
    const { rowCount } = await client.query(`select from tmidb.token where hash = sha256(convert_to($1, 'UTF8'))`, [text])
    return (rowCount ?? 0) > 0
  })
}
