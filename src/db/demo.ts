// SPDX-License-Identifier: MIT
// What the demo asks of the administrator: a speaker and a listener of its own, with tokens that live as long as it does.
import { type Client, withClient } from './superuser.ts'

export interface DemoTokens {
  speaker: string
  listener: string
}

export interface Ledger {
  received: number
  stored: number
  duplicate: number
  quarantined: number
}

/** Safe to run again: what is there stays, only the tokens are new. */
export async function prepareDemo(url: string): Promise<DemoTokens> {
  return await withClient(url, async (client) => {
    await client.query('begin')
    const tokens = { speaker: await tokenOf(client, 'speaker'), listener: await tokenOf(client, 'listener') }
    await client.query(
      `select tmidb.subscribe('demo', 'earthquake'), tmidb.subscribe('demo', 'weather', array['seattle'], array['temp_max', 'weather'])`,
    )
    await client.query('commit')
    return tokens
  })
}

async function tokenOf(client: Client, kind: 'speaker' | 'listener'): Promise<string> {
  const known = kind === 'speaker' ? 'select from tmidb.speaker where name = $1' : 'select from tmidb.listener where name = $1'
  const create = kind === 'speaker' ? 'tmidb.create_speaker($1)' : 'tmidb.create_listener($1)'
  const { rowCount } = await client.query(known, ['demo'])
  // The first token never ends; the demo wants one that does, even if it is killed.
  if (!rowCount) await client.query(`select tmidb.revoke_token(${create})`, ['demo'])
  const { rows } = await client.query<{ token: string }>(
    `select tmidb.create_token($1, 'demo', 'npm start -- --demo', now() + interval '1 day') as token`,
    [kind],
  )
  return rows[0]?.token ?? ''
}

export async function demoLedger(url: string): Promise<Ledger> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<Ledger>(
      `select coalesce(sum(received), 0)::int as received, coalesce(sum(stored), 0)::int as stored,
         coalesce(sum(duplicate), 0)::int as duplicate, coalesce(sum(quarantined), 0)::int as quarantined
       from tmidb.ledger join tmidb.speaker using (speaker_id) where name = 'demo'`,
    )
    return rows[0] ?? { received: 0, stored: 0, duplicate: 0, quarantined: 0 }
  })
}

export async function endDemo(url: string, tokens: DemoTokens): Promise<void> {
  const end = async (client: Client) => {
    await client.query('select tmidb.revoke_token($1), tmidb.revoke_token($2)', [tokens.speaker, tokens.listener])
  }
  await withClient(url, end, { connectionTimeoutMillis: 1000 })
}
