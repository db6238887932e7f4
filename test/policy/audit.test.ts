// SPDX-License-Identifier: MIT
// The audit: every act is in it once with who and what, nobody changes it, and a change that somebody forces is found.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { sleep } from '../../src/base/retry.ts'
import { migrate, migrateDown } from '../../src/db/migrate.ts'
import { openPool } from '../../src/db/pool.ts'
import { type Client, withClient, withLogin } from '../../src/db/superuser.ts'
import { sealAudit } from '../../src/tasks/seal-audit.ts'
import { run } from '../lib/instance.ts'
import { type TestDatabase, testDatabase } from '../lib/postgres.ts'

const root = join(import.meta.dirname, '..', '..')
let db: TestDatabase
before(async () => {
  db = await testDatabase()
  await db.query(`select tmidb.ingest('sensor', 'truck-1', '{"temp": 1, "state": "ok"}'), tmidb.publish_views()`)
})
after(() => db[Symbol.asyncDispose]())

interface Event {
  audit_id: string
  seq: string
  kind: string
  actor: string
  role: string | null
  resource: string | null
  detail: Record<string, unknown>
  before: Record<string, unknown> | null
  after: Record<string, unknown> | null
  address: string | null
  agent: string | null
}

const seal = () => db.query('select tmidb.seal_audit(null)')

/** What the audit tells of what was done. */
async function told(act: () => Promise<unknown>): Promise<Event[]> {
  await seal()
  const [last] = await db.query<{ seq: string }>('select seq from tmidb.audit_head')
  await act()
  await seal()
  return await db.query<Event>('select * from tmidb.audit where seq > $1 order by seq', [last?.seq])
}

const admin = (sql: string, values: unknown[] = []) => withClient(db.url('admin'), async (c) => (await c.query(sql, values)).rows)

interface Verdict {
  checked: string
  head: string
  broken: string | null
  why: string | null
  unsealed: string
}
async function verify(known: string | null = null): Promise<Verdict> {
  const [seq, hash] = known?.split(':') ?? [null, null]
  const [row] = await db.query<Verdict>(
    `select checked, head_seq || ':' || head_hash as head, broken_seq as broken, why, unsealed from tmidb.audit_verify($1, $2)`,
    [seq, hash],
  )
  return row as Verdict
}

type Part = Record<string, unknown> | null
const any = undefined

/** Statement of an administrator, the one kind it writes, resource, and of before and after what must be there. */
const acts: [sql: string, kind: string, resource: string, before: Part | undefined, after: Part | undefined][] = [
  [`select tmidb.create_account('kim', '$argon2id$one', 'viewer')`, 'account.created', 'user:kim', null, { login: 'kim', password_hash: '***' }],
  [`select tmidb.set_account_role('kim', 'admin')`, 'account.role_changed', 'user:kim', { role_id: 3 }, { role_id: 1 }],
  [`select tmidb.set_password_hash('kim', '$argon2id$two')`, 'account.password_changed', 'user:kim', { password_hash: '***' }, { password_hash: '***' }],
  [`select tmidb.create_token('listener', 'map', 'a label')`, 'token.created', 'listener:map', null, { label: 'a label', kind: 'listener', hash: '***' }],
  [`select tmidb.revoke_token((select prefix from tmidb.token where label = 'a label'))`, 'token.revoked', 'listener:map', { revoked_at: null }, any],
  [`select tmidb.subscribe('map', 'sensor', '{truck-1}')`, 'grant.added', 'listener:map', null, { fields: null }],
  [`select tmidb.subscribe('map', 'sensor', '{truck-1}', '{temp}')`, 'grant.changed', 'listener:map', { fields: null }, { fields: ['temp'] }],
  [`select tmidb.unsubscribe('map', 'sensor')`, 'grant.removed', 'listener:map', { fields: ['temp'] }, null],
  [`select tmidb.create_group('busan', '$.site == "busan"')`, 'group.created', 'group:busan', null, { condition: '$.site == "busan"' }],
  [`select tmidb.set_group('busan', '$.site == "seoul"')`, 'group.changed', 'group:busan', { condition: '$.site == "busan"' }, { condition: '$.site == "seoul"' }],
  [`select tmidb.create_role('fleet', 'Drivers')`, 'role.created', 'role:fleet', null, { name: 'fleet', description: 'Drivers' }],
  [`select tmidb.grant_access('role:fleet', '{read,write}', 'sensor', p_group => 'busan', p_window => '1 day')`, 'grant.added', 'role:fleet', null, { actions: ['read', 'write'], time_window: '1 day' }],
  [`select tmidb.revoke_access((select grant_id from tmidb.access_grant where role_id is not null))`, 'grant.removed', 'role:fleet', { actions: ['read', 'write'] }, null],
  [`select tmidb.remove_role('fleet')`, 'role.removed', 'role:fleet', { name: 'fleet' }, null],
  [`select tmidb.remove_group('busan')`, 'group.removed', 'group:busan', { name: 'busan' }, null],
  [`select tmidb.allow_introspection('map')`, 'listener.changed', 'listener:map', { may_introspect: false }, { may_introspect: true }],
  [`select tmidb.create_login('listener', 'audit_${process.pid}', 'a long password')`, 'login.given', `listener:audit_${process.pid}`, null, null],
  [`select tmidb.drop_login('listener', 'audit_${process.pid}')`, 'login.taken', `listener:audit_${process.pid}`, null, null],
  [`select tmidb.create_target('lift-1', 'Lift', '{"site": "busan"}')`, 'target.created', 'target:lift-1', null, { key: 'lift-1', name: 'Lift', meta: { site: 'busan' } }],
  [`select tmidb.create_target('lift-1', 'Lift 1')`, 'target.changed', 'target:lift-1', { name: 'Lift' }, { name: 'Lift 1' }],
  [`select tmidb.set_retention('sensor', '90 days')`, 'category.changed', 'category:sensor', { retention: null }, { retention: '90 days' }],
  [`select tmidb.set_strict('sensor')`, 'category.strict', 'category:sensor', { is_strict: false }, { is_strict: true }],
  [`select tmidb.describe_category('sensor', 'Lorries.')`, 'category.described', 'category:sensor', { description: null }, { description: 'Lorries.' }],
  [`select tmidb.describe_field('sensor', 'temp', 'Air', '°C')`, 'field.described', 'category:sensor', null, { field: 'temp', description: 'Air', unit: '°C' }],
  [`select tmidb.pin_field('sensor', 'temp', 'number')`, 'field.pinned', 'category:sensor', { type: null }, { type: 'number' }],
  [`select tmidb.pin_field('sensor', 'state', 'text')`, 'field.pinned', 'category:sensor', null, { type: 'text' }],
  [`select tmidb.rename_field('sensor', 'temp', 'air')`, 'field.renamed', 'category:sensor', { column: 'temp' }, { column: 'air' }],
  [`select tmidb.create_connector('sky', 'url', 'sky', 'first', 'every 60 s', '{"url": "https://example.org/x", "headers": {"authorization": "Bearer hush-hush"}}', false)`, 'connector.created', 'connector:sky', null, { name: 'sky', secret: '***' }],
  [`select tmidb.set_connector('sky', p_schedule => 'every 90 s')`, 'connector.changed', 'connector:sky', { schedule: 'every 60 s' }, { schedule: 'every 90 s' }],
  [`select tmidb.remove_connector('sky')`, 'connector.removed', 'connector:sky', { name: 'sky' }, null],
  [`select tmidb.persist_document('{ targets { totalCount } }', 'one')`, 'document.added', any as never, null, { name: 'one' }],
  [`select tmidb.persist_document('{ targets { totalCount } }', 'two')`, 'document.changed', any as never, { name: 'one' }, { name: 'two' }],
  [`select tmidb.remove_document((select encode(hash, 'hex') from tmidb.document))`, 'document.removed', any as never, { name: 'two' }, null],
  [`select tmidb.set_request_timeout('viewer', '5 seconds')`, 'limit.changed', 'limit:tmidb_viewer', { statement_timeout: '00:00:10' }, { statement_timeout: '00:00:05' }],
  [`select tmidb.set_cold_after('9 days')`, 'instance.changed', 'instance', { cold_after: '30 days' }, { cold_after: '9 days' }],
  [`select tmidb.edit_dead_letter((select max(raw_id) from tmidb.raw_bucket), p_raw => '{"temp": 1')`, 'dead_letter.edited', any as never, null, null],
  [`select tmidb.replay_dead_letter((select max(raw_id) from tmidb.raw_bucket))`, 'dead_letter.replayed', any as never, null, null],
  [`select tmidb.discard_dead_letter((select max(raw_id) from tmidb.raw_bucket))`, 'dead_letter.discarded', any as never, null, null],
  [`select tmidb.record_migration('1-a', 'up', repeat('a', 64), 1, 'kim')`, 'migration.run', any as never, null, null],
  [`select tmidb.record_migration('1-a', 'down', repeat('a', 64), 1, 'kim', true, '["gone"]')`, 'migration.forced', any as never, null, null],
] // biome-ignore format: a table

/** What no function of an administrator does (yet): a hand in the tables, and what processes say of their own work. */
const others: [sql: string, kind: string][] = [
  [`select tmidb.create_speaker('first')`, 'speaker.created'],
  [`select tmidb.create_listener('second')`, 'listener.created'],
  [`update tmidb.speaker set may_create = false where name = 'first'`, 'speaker.changed'],
  [`insert into tmidb.category (name) values ('gone'); delete from tmidb.category where name = 'gone'`, 'category.removed'],
  [`insert into tmidb.target (key) values ('gone'); delete from tmidb.target where key = 'gone'`, 'target.removed'],
  [`delete from tmidb.field_setting where field = 'state'`, 'field.removed'],
  [`update tmidb.access_role set description = 'All of it.' where name = 'admin'`, 'role.changed'],
  [`update tmidb.token set label = 'z' where label = 'a label'`, 'token.changed'],
  [`delete from tmidb.token where label = 'z'`, 'token.removed'],
  [`delete from tmidb.listener where name = 'map'`, 'listener.removed'],
  [`delete from tmidb.speaker where name = 'first'`, 'speaker.removed'],
  [`update tmidb.account set created_at = '2026-01-01Z' where login = 'kim'`, 'account.changed'],
  [`delete from tmidb.account where login = 'kim'`, 'account.removed'],
  [`select tmidb.open_stream('AUDIT', '2026-01-01Z', 5, 9)`, 'ingest.gap'],
  [`update tmidb.stream_cursor set last_seq = 99 where stream = 'AUDIT'; select tmidb.open_stream('AUDIT', '2026-01-01Z', 1, 9)`, 'ingest.cut'],
  [`drop view api.sensor_v1 cascade; create view api.sensor_v1 as select 1 as other; delete from tmidb.published_view; select tmidb.publish_views()`, 'view.failed'],
] // biome-ignore format: a table

describe('every act is told', () => {
  before(async () => {
    await db.query(`select tmidb.create_listener('map'), tmidb.create_listener('audit_${process.pid}'), tmidb.create_speaker('first');
      insert into tmidb.raw_bucket (reason, message, category, target, raw, is_message) values ('TM201', 'x', 'sensor', 'truck-1', '{', true);
      insert into tmidb.ledger (speaker_id, shard, received, quarantined)
        select speaker_id, tmidb.shard_of('truck-1'), 1, 1 from tmidb.speaker where name = 'first'
        on conflict (speaker_id, shard) do update set received = ledger.received + 1, quarantined = ledger.quarantined + 1;
      update tmidb.raw_bucket set speaker_id = (select speaker_id from tmidb.speaker where name = 'first')`)
  })
  after(() => db.query(`drop role if exists audit_${process.pid}`))

  for (const [sql, kind, resource, was, is] of acts) {
    test(`${kind}: ${sql.slice(0, 90)}`, async () => {
      const events = await told(() => admin(sql))
      const [event] = events
      assert.deepEqual(
        events.map((e) => [e.kind, e.actor, e.role, e.agent, e.address !== null]),
        [[kind, 'admin', 'tmidb_admin', 'tmiDB-Core', true]],
      )
      if (resource) assert.equal(event?.resource, resource)
      if (was !== undefined) assert.deepEqual(partOf(event?.before, was), was)
      if (is !== undefined) assert.deepEqual(partOf(event?.after, is), is)
    })
  }

  test('a role, a login and rows by hand are told too, by whoever has the hand', async () => {
    await db.query(`delete from tmidb.listener where name = 'audit_${process.pid}'`)
    for (const [sql, kind] of others) {
      if (kind === 'speaker.created') await db.query(`delete from tmidb.speaker where name = 'first'`)
      const events = await told(() => db.query(sql))
      assert.ok(
        events.some((e) => e.kind === kind && e.actor !== null),
        `${kind}: ${JSON.stringify(events.map((e) => e.kind))}`,
      )
    }
  })

  test('what is said again and changes nothing, and what readings make, is not told', async () => {
    const events = await told(async () => {
      await admin(`select tmidb.set_cold_after('9 days'), tmidb.create_target('lift-1'), tmidb.set_strict('sensor')`)
      await admin(`select tmidb.ingest('fresh', 'fresh-1', '{"a": 1}')`)
    })
    assert.deepEqual(events.map((e) => e.kind), []) // biome-ignore format: one line
  })
})

function partOf(whole: Part | undefined, part: Part): unknown {
  return part === null || whole === null || whole === undefined
    ? (whole ?? null)
    : Object.fromEntries(Object.keys(part).map((key) => [key, whole[key]]))
}

test('every kind is in the list, every one of the list is written by something, and done in a test', async () => {
  const listed = (await db.query<{ kind: string }>('select kind from tmidb.audit_kind')).map((r) => r.kind)
  const read = (pattern: string) =>
    globSync(pattern, { cwd: root }).map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
  const code = [...read('db/functions/**/*.sql').filter((f) => !f.path.endsWith('audit_kind.sql')), ...read('src/**/*.ts')]
  // What record_audit and audit() are called with, and the kinds in the list of the triggers.
  const written = code.flatMap(({ path, text }) => {
    const calls = path.endsWith('tg_any__audit.sql')
      ? [text]
      : (text.match(/\b(?:record_audit|audit)\((?:case [^;]*? end|[^;]*?),/g) ?? [])
    return calls.flatMap((call) => [...call.matchAll(/['{, ]([a-z_]{3,}\.[a-z_]{3,})[',}]/g)].map(([, kind]) => kind as string))
  })
  assert.deepEqual(code.filter(({ path, text }) => /insert into tmidb\.audit\b/.test(text) && !path.endsWith('/record_audit.sql')).map((f) => f.path), []) // biome-ignore format: one line
  assert.ok(listed.length >= 25, `${listed.length} kinds`)
  assert.deepEqual([...new Set(written)].filter((kind) => !listed.includes(kind)), []) // biome-ignore format: one line
  assert.deepEqual(listed.filter((kind) => !code.some(({ text }) => new RegExp(`['" ]${kind}['",}]`).test(text))), []) // biome-ignore format: one line
  const tests = read('test/**/*.test.ts').map(({ text }) => text)
  assert.deepEqual(listed.filter((kind) => !tests.some((text) => text.includes(`'${kind}'`))), []) // biome-ignore format: one line
})

test('docs/audit.md lists the kinds as the database does', async () => {
  const page = readFileSync(join(root, 'docs', 'audit.md'), 'utf8')
  const said = [...page.matchAll(/^\| `([a-z_.]+)` \| (.+) \|$/gm)].map(([, kind, meaning]) => ({ kind, meaning }))
  assert.deepEqual(said, await db.query('select kind, meaning from tmidb.audit_kind order by kind'))
})

test('no secret is anywhere in the audit', async () => {
  const made = await admin(`select tmidb.create_listener('hush') as token`)
  await admin(`select tmidb.create_account('hush', '$argon2id$v=19$m=19456$c2FsdA$aGFzaA', 'viewer')`)
  await admin(
    `select tmidb.create_connector('hush', 'url', 'sky', null, 'every 60 s', '{"url": "https://example.org/x", "headers": {"x-key": "hush-hush-key"}}', false)`,
  )
  const [hash] = await db.query<{ hex: string }>(
    `select encode(hash, 'hex') as hex from tmidb.token where prefix = left($1, 21)`,
    [made[0]?.token],
  )
  assert.match(hash?.hex ?? '', /^[0-9a-f]{64}$/)
  const [instance] = await db.query<{ secret: string }>('select secret from tmidb.instance')
  const text = JSON.stringify(await db.query('select a::text from tmidb.audit a'))
  assert.match(text, /hush/)
  for (const secret of [made[0]?.token, hash?.hex, 'argon2id', 'hush-hush', instance?.secret as string])
    assert.ok(!text.includes(secret), secret)
})

describe('nobody changes it', () => {
  const changes = [
    `update tmidb.audit set actor = 'nobody'`,
    `update tmidb.audit set seq = null, hash = null`,
    'delete from tmidb.audit',
    'truncate tmidb.audit',
    'update tmidb.audit_head set seq = 0',
    'delete from tmidb.audit_head',
    'truncate tmidb.audit_head',
  ]
  const roles = ['tmidb_owner', 'tmidb_views', 'tmidb_admin', 'tmidb_editor', 'tmidb_viewer', 'tmidb_listener', 'tmidb_speaker', 'tmidb_anonymous', 'tmidb_api', 'tmidb_edge', 'tmidb_drain', 'tmidb_worker', 'admin', null] // biome-ignore format: a list
  for (const role of roles) {
    test(`${role ?? 'a superuser'} is refused`, async () => {
      await withClient(db.superUrl, async (c) => {
        if (role) await c.query(`set role ${role}`)
        for (const sql of changes)
          await assert.rejects(c.query(sql), (e: { code: string }) => e.code === 'TM102' || e.code === '42501', sql)
      })
    })
  }

  test('a superuser is refused as well where triggers are off for a replica', async () => {
    await withClient(db.superUrl, async (c) => {
      await c.query('set session_replication_role = replica')
      for (const sql of changes) await assert.rejects(c.query(sql), { code: 'TM102' }, sql)
    })
  })

  test('and the audit is still whole', async () => {
    const { broken, checked, head } = await verify()
    assert.deepEqual([broken, `${checked}:`], [null, head.slice(0, head.indexOf(':') + 1)])
  })
})

describe('what is forced is found', () => {
  /** As a superuser who takes the guard off; all of it is rolled back. */
  const forced = (sql: string, look: (c: Client) => Promise<void>) =>
    withClient(db.superUrl, async (c) => {
      await c.query(
        `begin; alter table tmidb.audit disable trigger all; alter table tmidb.audit_head disable trigger all; ${sql}`,
      )
      await look(c)
      await c.query('rollback')
    })
  const check = async (c: Client, known: [string, string] | [] = []): Promise<[string | null, string | null]> => {
    const { rows } = await c.query('select broken_seq, why from tmidb.audit_verify($1, $2)', [known[0] ?? null, known[1] ?? null])
    return [rows[0].broken_seq, rows[0].why]
  }

  for (const [column, change] of Object.entries({
    at: `at + interval '1 microsecond'`,
    kind: `overlay(kind placing 'x' from 1 for 1)`,
    actor: `overlay(actor placing 'x' from 1 for 1)`,
    role: `'tmidb_viewer'`,
    resource: `coalesce(resource, '') || ' '`,
    detail: `detail || '{"x": 1}'`,
    before: `coalesce(before, '{}') || '{"x": 1}'`,
    after: 'null',
    address: `'192.0.2.1'`,
    agent: 'upper(agent)',
    request_id: `'forged'`,
    hash: 'set_byte(hash, 31, get_byte(hash, 31) # 1)',
    audit_id: null,
  })) {
    test(`one byte of ${column} is found at its row`, async () => {
      const sql = change
        ? `update tmidb.audit set ${column} = ${change} where seq = 5`
        : `alter table tmidb.audit alter audit_id drop identity; update tmidb.audit set audit_id = audit_id + 1000000 where seq = 5`
      await forced(sql, async (c) => {
        assert.deepEqual(await check(c), ['5', 'Its hash is not that of what it says and of the hash before it.'])
      })
    })
  }

  test('a row that was taken out is found where it was, several as one gap', async () => {
    await forced('delete from tmidb.audit where seq = 7', async (c) =>
      assert.deepEqual(await check(c), ['7', 'The rows from here to 7 are missing.']),
    )
    await forced('delete from tmidb.audit where seq between 1 and 3', async (c) =>
      assert.deepEqual(await check(c), ['1', 'The rows from here to 3 are missing.']),
    )
  })

  test('rows that change places are found', async () => {
    await forced(
      `update tmidb.audit set seq = -1 where seq = 5; update tmidb.audit set seq = 5 where seq = 6; update tmidb.audit set seq = 6 where seq = -1`,
      async (c) => assert.equal((await check(c))[0], '5'),
    )
  })

  test('an end that was cut off is found by the head beside it', async () => {
    const { checked } = await verify()
    await forced(`delete from tmidb.audit where seq > ${Number(checked) - 2}`, async (c) =>
      assert.deepEqual(await check(c), [String(Number(checked) - 1), 'The end of the chain is missing.']),
    )
  })

  test('an end that was cut off together with the head is found by an earlier head', async () => {
    const { head, checked } = await verify()
    const known = head.split(':') as [string, string]
    const cut = Number(checked) - 2
    await forced(
      `delete from tmidb.audit where seq > ${cut}; update tmidb.audit_head set seq = ${cut}, hash = (select hash from tmidb.audit where seq = ${cut})`,
      async (c) => {
        assert.deepEqual(await check(c), [null, null])
        assert.deepEqual(await check(c, known), [
          String(cut + 1),
          `The chain ends before place ${known[0]}, which was written down.`,
        ])
      },
    )
  })

  test('a chain that was made anew as a whole is found by an earlier head', async () => {
    const { head } = await verify()
    const known = head.split(':') as [string, string]
    const remake = `update tmidb.audit set actor = 'somebody else' where seq = 2;
      do $$ declare r tmidb.audit; h bytea := ''; begin
        for r in select * from tmidb.audit order by seq loop
          h := sha256(h || convert_to(tmidb.audit_text(r), 'UTF8')); update tmidb.audit set hash = h where seq = r.seq;
        end loop; update tmidb.audit_head set hash = h; end $$`
    await forced(remake, async (c) => {
      assert.deepEqual(await check(c), [null, null])
      assert.deepEqual(await check(c, known), [
        known[0],
        'The hash is not the one that was written down: the chain was made anew.',
      ])
    })
  })

  test('a row that was put in behind the end is found', async () => {
    await forced(
      `insert into tmidb.audit (kind, actor, detail, seq, hash) select 'x.y', 'me', '{}', seq + 1, hash from tmidb.audit_head`,
      async (c) => assert.match((await check(c))[1] ?? '', /^Its hash is not that of what it says/),
    )
  })
})

describe('who writes waits for nobody', () => {
  test('eight that write at once make one whole chain', async () => {
    const { checked } = await verify()
    await Promise.all(
      Array.from({ length: 8 }, (_, w) =>
        withClient(db.url('admin'), async (c) => {
          for (let i = 0; i < 20; i++)
            await c.query('select tmidb.create_target($1), tmidb.create_target($2)', [`w${w}-${i}`, `v${w}-${i}`])
        }),
      ),
    )
    assert.deepEqual(await verify().then((v) => [Number(v.checked) - Number(checked), v.broken]), [320, null])
  })

  test('what is rolled back, whole or to a savepoint, leaves no gap', async () => {
    const events = await told(() =>
      withClient(db.url('admin'), async (c) => {
        await c.query(`begin; select tmidb.create_target('back-1'); rollback`)
        await c.query(`begin; select tmidb.create_target('stay-1'); savepoint s; select tmidb.create_target('back-2'); rollback to s;
          select tmidb.create_target('stay-2'); commit`)
      }),
    )
    assert.deepEqual(events.map((e) => e.resource), ['target:stay-1', 'target:stay-2']) // biome-ignore format: one line
    assert.equal(Number(events[1]?.seq) - Number(events[0]?.seq), 1)
    assert.equal((await verify()).broken, null)
  })

  test('what commits later is sealed later, though it was written first', async () => {
    const events = await told(() =>
      withClient(db.url('admin'), async (c) => {
        await c.query(`begin; select tmidb.create_target('slow-1')`)
        await admin(`set lock_timeout = '2s'; select tmidb.create_target('quick-1')`)
        await seal()
        await c.query('commit')
      }),
    )
    assert.deepEqual(events.map((e) => e.resource), ['target:quick-1', 'target:slow-1']) // biome-ignore format: one line
    assert.ok(Number(events[0]?.audit_id) > Number(events[1]?.audit_id))
    assert.equal((await verify()).broken, null)
  })

  test('a listener whose psql session makes constraints immediate and stays open holds up no administrator and no door', async () => {
    const login = `seal_${process.pid}`
    await admin(`select tmidb.create_listener('${login}')`)
    await admin(`select tmidb.create_login('listener', '${login}', 'a long password')`)
    try {
      await withClient(withLogin(db.superUrl, login, 'a long password'), async (listener) => {
        await listener.query('begin; set constraints all immediate')
        await listener.query(`select tmidb.create_token(null, null, 'x')`)
        const events = await told(async () => {
          await admin(`set lock_timeout = '2s'; select tmidb.create_role('unheld')`)
          await withClient(db.url('tmidb_api'), (c) =>
            c.query(`set lock_timeout = '2s'; select tmidb.record_audit('login.failed', 'nobody')`),
          )
        })
        assert.deepEqual(events.map((e) => e.kind), ['role.created', 'login.failed']) // biome-ignore format: one line
        await assert.rejects(listener.query('select tmidb.seal_audit()'), { code: '42501' })
      })
    } finally {
      await db.query(`drop role if exists ${login}`)
    }
  })

  test('an administrator who checks and stays in the transaction holds up who seals, and nobody who writes', async () => {
    await withClient(db.url('admin'), async (holder) => {
      await admin(`select tmidb.create_target('held-1')`)
      await holder.query('begin; select tmidb.audit_verify()')
      await admin(`set lock_timeout = '2s'; select tmidb.create_target('held-2')`)
      await assert.rejects(
        withClient(db.url('tmidb_drain'), (c) => c.query('select tmidb.seal_audit()')),
        { code: '55P03' },
      )
      await holder.query('rollback')
    })
    const { broken, unsealed } = await verify()
    assert.deepEqual([broken, unsealed], [null, '0'])
  })

  test('who looks at an earlier snapshot checks what is sealed, and is told how much is not', async () => {
    await withClient(db.url('admin'), async (c) => {
      await c.query('begin isolation level repeatable read; select 1 from tmidb.category')
      await admin(`select tmidb.create_target('between-1')`)
      await seal()
      await c.query(`select tmidb.create_target('old-view-1')`)
      const { rows } = await c.query('select broken_seq, unsealed from tmidb.audit_verify()')
      assert.deepEqual(rows, [{ broken_seq: null, unsealed: '1' }])
      await c.query('commit')
    })
    assert.equal((await verify()).broken, null)
  })

  test('the consumer seals what comes, some rows at a time', async () => {
    await db.query(`select tmidb.record_audit('login.failed', 'many') from generate_series(1, 25)`)
    assert.deepEqual(await db.query('select tmidb.seal_audit(10) as n union all select tmidb.seal_audit(10)'), [{ n: 10 }, { n: 10 }]) // biome-ignore format: one line
    const pool = openPool(db.url('tmidb_drain'), { max: 1, application: 'test' })
    const stop = new AbortController()
    const sealing = sealAudit(pool, stop.signal)
    for (const more of ['first', 'second']) {
      await db.query(`select tmidb.record_audit('login.failed', $1)`, [more])
      while ((await db.query('select from tmidb.audit where seq is null')).length > 0) await sleep(20)
    }
    stop.abort()
    await sealing
    await pool.end()
    assert.equal((await verify()).broken, null)
  })
})

test('rows from before there was a chain join it, oldest first', async () => {
  await using old = await testDatabase()
  await old.query('select from tmidb.audit_head')
  const steps = await old.query<{ name: string }>('select name from tmidb.migration order by id')
  await migrateDown({ superuserUrl: old.superUrl }, steps.length - steps.findIndex((s) => s.name === '0020_audit'))
  await old.query(
    `insert into tmidb.audit (kind, actor, detail) select 'token.revoked', 'x' || i, '{}' from generate_series(1, 3) i`,
  )
  await migrate({ superuserUrl: old.superUrl })
  await old.query('select tmidb.seal_audit()')
  assert.deepEqual(await old.query(`select seq, actor from tmidb.audit order by seq`), [1, 2, 3].map((i) => ({ seq: String(i), actor: `x${i}` }))) // biome-ignore format: one line
  assert.deepEqual(await old.query('select checked, head_seq, broken_seq from tmidb.audit_verify()'), [{ checked: '3', head_seq: '3', broken_seq: null }]) // biome-ignore format: one line
})

describe('tmictl audit', () => {
  const audit = (...args: string[]) => run(['audit', ...args, '--postgres', db.url('admin')])

  test('verify prints the head, and takes it back', async () => {
    const first = await audit('verify', '--json')
    assert.equal(first.code, 0)
    const { head, checked } = JSON.parse(first.stdout) as { head: string; checked: number }
    assert.match(head, new RegExp(`^${checked}:[0-9a-f]{64}$`))
    const again = await audit('verify', '--head', head)
    assert.match(again.stdout, new RegExp(`^${checked} rows, whole and unchanged\\.\nhead ${head}\n$`))
    const wrong = await audit(
      'verify',
      '--head',
      head.replace(/.$/, (c) => (c === '0' ? '1' : '0')),
    )
    assert.deepEqual([wrong.code, /made anew/.test(wrong.stdout)], [7, true])
    assert.equal((await audit('verify', '--head', 'x')).code, 2)
  })

  test('list tells the newest first, of a kind, an actor, a resource, since a time', async () => {
    await admin(`select tmidb.create_target('shown-1'), tmidb.create_target('shown-1', 'Shown')`)
    const said = async (...args: string[]) =>
      (JSON.parse((await audit('list', '--json', ...args)).stdout) as { events: Event[] }).events.map((e) => e.kind)
    assert.deepEqual(await said('--resource', 'target:shown-1', '--since', '1h'), ['target.changed', 'target.created'])
    assert.deepEqual(await said('--resource', 'target:shown-1', '--kind', 'target.', '--limit', '1'), ['target.changed'])
    assert.deepEqual(await said('--kind', 'target.changed', '--actor', 'nobody'), [])
    const unknown = await audit('list', '--kind', 'target.chnged')
    assert.equal(unknown.code, 3)
    assert.match(unknown.stderr, /Did you mean "target\.changed"\? "tmictl audit kinds" lists them/)
    assert.match(
      (await audit('list', '--resource', 'target:shown-1')).stdout,
      /target\.changed +admin from 127\.0\.0\.1 +target:shown-1 {2}name: null → "Shown"/,
    )
  })

  test('only an administrator reads it', async () => {
    for (const role of ['tmidb_editor', 'tmidb_viewer', 'tmidb_listener', 'tmidb_api'])
      await withClient(db.superUrl, async (c) => {
        await c.query(`set role ${role}`)
        for (const sql of ['select from tmidb.audit', 'select tmidb.audit_verify()', 'select tmidb.audit_rows()'])
          await assert.rejects(c.query(sql), { code: '42501' }, `${role}: ${sql}`)
      })
    assert.equal((await admin('select count(*) > 0 as yes from tmidb.audit'))[0]?.yes, true)
  })
})
