// SPDX-License-Identifier: MIT
// What doors write down of those they refuse, and what is left of a flood.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { observeOn } from '../../src/base/observe.ts'
import { openAccess } from '../../src/db/access.ts'
import { type AuditEvent, openAudit } from '../../src/db/audit.ts'
import { openPool } from '../../src/db/pool.ts'
import { tellAuditHeadTask } from '../../src/tasks/tell_audit_head.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

let db: TestDatabase
before(async () => {
  db = await testDatabase()
})
after(() => db[Symbol.asyncDispose]())

const bounds = { perActor: 3, perKind: 8, minuteMs: 60_000 }

async function flood(events: Pick<AuditEvent, 'actor' | 'kind' | 'from'>[]): Promise<AuditEvent[]> {
  const written: AuditEvent[] = []
  {
    await using log = openAudit(async (event) => void written.push(event), bounds)
    for (const event of events) await log.tell({ ...event, detail: { code: 'TM102' } })
  }
  return written
}

test('of one who is refused again and again the first are written, and how many more there were', async () => {
  const written = await flood(Array.from({ length: 1000 }, () => ({ kind: 'mqtt.denied', actor: 'mad' })))
  assert.equal(written.length, 4)
  assert.deepEqual(written.at(-1), {
    kind: 'mqtt.denied',
    actor: 'mad',
    detail: { more: 997, within_s: 60, code: 'TM102' },
    from: { address: undefined },
  })
})

test('where nobody is known, the address is who', async () => {
  const written = await flood(
    ['192.0.2.1', '192.0.2.2'].flatMap((address) =>
      Array.from({ length: 5 }, () => ({ kind: 'login.failed', actor: null, from: { address } })),
    ),
  )
  assert.deepEqual(
    written.map((e) => [e.from?.address, 'more' in e.detail]),
    [1, 1, 1, 2, 2, 2]
      .map((n) => [`192.0.2.${n}`, false] as [string, boolean])
      .concat([
        ['192.0.2.1', true],
        ['192.0.2.2', true],
      ]),
  )
})

test('invented names do not get a row each, and another kind has its own bound', async () => {
  const written = await flood([
    ...Array.from({ length: 5000 }, (_, i) => ({ kind: 'mqtt.denied', actor: `name-${i}` })),
    { kind: 'nats.denied', actor: 'service' },
  ])
  assert.equal(written.length, 10)
  assert.deepEqual(written.at(-2)?.actor, 'service')
  assert.deepEqual(written.at(-1), {
    kind: 'mqtt.denied',
    actor: null,
    detail: { more: 4992, within_s: 60 },
    from: { address: undefined },
  })
})

test('a door tells who, from where and as what; what is counted is written when the process ends', async () => {
  {
    await using access = await openAccess(db.url('tmidb_edge'))
    for (let i = 0; i < 25; i++) {
      const from = { address: '::ffff:192.0.2.7', agent: 'probe', request: 'r-1', role: 'tmidb_speaker', resource: 'category:x' }
      await access.audit('nats.denied', 'truck', { code: 'TM102', i }, from)
    }
  }
  const rows = await db.query(`select actor, role, host(address) as address, agent, request_id, detail->'more' as more
    from tmidb.audit where kind = 'nats.denied' order by audit_id`)
  assert.equal(rows.length, 21)
  const [first, last] = [rows[0], rows.at(-1)]
  assert.deepEqual(first, {
    actor: 'truck',
    role: 'tmidb_speaker',
    address: '192.0.2.7',
    agent: 'probe',
    request_id: 'r-1',
    more: null,
  })
  assert.deepEqual([last?.actor, last?.more], ['truck', 5])
})

test('the head goes into the log, and verify takes it from there', async () => {
  const lines: string[] = []
  observeOn({ write: (line) => lines.push(line) })
  const pool = openPool(db.url('tmidb_drain'), { max: 1, application: 'test' })
  try {
    await tellAuditHeadTask(pool)({}, {} as never)
  } finally {
    observeOn(process.stdout)
    await pool.end()
  }
  const { kind, head } = JSON.parse(lines.join('')) as { kind: string; head: string }
  assert.equal(kind, 'audit.head')
  const verdict = await db.query('select broken_seq from tmidb.audit_verify($1, $2)', head.split(':'))
  assert.deepEqual(verdict, [{ broken_seq: null }])
})
