// SPDX-License-Identifier: MIT
// Registered documents, by the function and by tmictl; who is held to them; and how long the statement of a request may take.
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { hashPassword } from '../../src/base/password.ts'
import { readAs } from '../../src/db/pool.ts'
import { run } from '../lib/instance.ts'
import { admin, type Served, serve } from './graphql-served.ts'

let api: Served
let free = ''
let held = ''
const text = 'query Count($t: String) { sensorV1(target: $t) { totalCount } }'
const hash = createHash('sha256').update(text).digest('hex')

before(async () => {
  api = await serve(async (db) => {
    await admin(db, `select tmidb.ingest('sensor', 't1', '{"temperature": 1.5}')`, 'select tmidb.publish_views()')
    free = await admin(db, `select tmidb.create_listener('free')`)
    held = await admin(db, `select tmidb.create_listener('held')`)
    await admin(db, `select tmidb.subscribe('free', null), tmidb.subscribe('held', null), tmidb.require_documents('held')`)
    return free
  })
})
after(() => api[Symbol.asyncDispose]())

async function send(body: object, token: string) {
  const res = await fetch(`${api.url}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
    body: JSON.stringify(body),
  })
  // biome-ignore lint/suspicious/noExplicitAny: answers of many shapes
  const { data, errors } = (await res.json()) as { data?: any; errors?: { message: string; extensions: { code: string } }[] }
  return { status: res.status, data, message: errors?.[0]?.message, code: errors?.[0]?.extensions.code }
}
const apollo = { persistedQuery: { version: 1, sha256Hash: hash } }

/** What SQL changed is known to the doors a moment later. */
async function until(done: () => Promise<boolean>): Promise<void> {
  for (let n = 0; !(await done()); n++) {
    if (n > 300) throw new Error('It did not happen within 3 s.')
    await sleep(10)
  }
}

test("Apollo's clients send a document once, and its hash from then on", async () => {
  const first = await send({ extensions: apollo, variables: { t: 't1' } }, free)
  assert.deepEqual([first.status, first.message, first.code], [404, 'PersistedQueryNotFound', 'TM307'])
  assert.equal((await send({ query: text, extensions: apollo }, free)).data.sensorV1.totalCount, 1)
  assert.equal((await send({ extensions: apollo, variables: { t: 'no such' } }, free)).data.sensorV1.totalCount, 0)
})

test('who is held to registered documents sends no other, not even once with its hash', async () => {
  for (const body of [{ query: text }, { query: text, extensions: apollo }]) {
    const { status, code } = await send(body, held)
    assert.deepEqual([status, code], [403, 'TM307'])
  }
  assert.equal((await send({ extensions: apollo }, held)).status, 404)
})

test('a registered document is asked for by its id, over HTTP and over a socket, until it is removed', async () => {
  const id = await admin(api.db, `select tmidb.persist_document('${text}', 'count')`)
  assert.equal(id, `sha256:${hash}`)
  assert.equal(await admin(api.db, `select tmidb.persist_document('${text}')`), id)
  for (const body of [{ id }, { documentId: id }, { id: hash }, { extensions: apollo }, { query: text, extensions: apollo }]) {
    assert.equal((await send({ ...body, variables: { t: 't1' } }, held)).data?.sensorV1.totalCount, 1, JSON.stringify(body))
  }
  const answer = await new Promise((resolve, reject) =>
    api.socket(held).subscribe({ id, query: '' } as never, { next: resolve, error: reject, complete() {} }),
  )
  assert.deepEqual(answer, { data: { sensorV1: { totalCount: 1 } } })
  await admin(api.db, `select tmidb.remove_document('${id}')`)
  await until(async () => (await send({ id }, held)).status === 404)
  await assert.rejects(admin(api.db, `select tmidb.remove_document('${id}')`), { code: 'TM107' })
})

test('all listeners can be held at once, and let go again', async () => {
  await admin(api.db, 'select tmidb.require_documents()')
  await until(async () => (await send({ query: text }, free)).status === 403)
  await admin(api.db, 'select tmidb.require_documents(null, false)')
  await until(async () => (await send({ query: text }, free)).status === 200)
  assert.equal((await send({ query: text }, held)).status, 403)
})

test('tmictl adds files, lists and removes them', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tmidb-documents-'))
  try {
    writeFileSync(join(folder, 'count.graphql'), text)
    const tmictl = async (...args: string[]) => await run(['documents', ...args, '--postgres', api.db.url('admin'), '--json'])
    const added = await tmictl('add', join(folder, 'count.graphql'))
    assert.equal(JSON.parse(added.stdout).added[0].id, `sha256:${hash}`)
    const { documents } = JSON.parse((await tmictl('list')).stdout) as {
      documents: { id: string; name: string; bytes: number }[]
    }
    assert.deepEqual(
      documents.map((d) => [d.id, d.name, d.bytes]),
      [[`sha256:${hash}`, 'count.graphql', text.length]],
    )
    assert.equal((await tmictl('remove', `sha256:${hash}`)).code, 0)
    assert.equal((await tmictl('remove', `sha256:${hash}`)).code, 3)
    assert.equal((await tmictl('add', join(folder, 'missing.graphql'))).code, 3)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('a listener may introspect when an administrator says so, and no longer when it is taken back', async () => {
  const schema = async () => (await send({ query: '{ __schema { queryType { name } } }' }, free)).status
  assert.equal(await schema(), 403)
  await admin(api.db, `select tmidb.allow_introspection('free')`)
  await until(async () => (await schema()) === 200)
  await admin(api.db, `select tmidb.allow_introspection('free', false)`)
  await until(async () => (await schema()) === 403)
})

test('the time of a statement is that of the role, and an administrator sets it', async () => {
  await api.db.query(`select tmidb.create_account('root', $1, 'admin')`, [await hashPassword('secret')])
  const { claims: root } = await api.access.identify(`Basic ${Buffer.from('root:secret').toString('base64')}`)
  const claims = async () => (await api.access.identify(`Bearer ${free}`)).claims
  assert.deepEqual([root.timeout_ms, (await claims()).timeout_ms], [30_000, 3000])
  await admin(api.db, `select tmidb.set_request_timeout('listener', '150 ms')`)
  await until(async () => (await claims()).timeout_ms === 150)
  await assert.rejects(readAs(api.pool, await claims(), { text: 'select pg_sleep(3)' }), { code: '57014' })
  assert.equal((await readAs(api.pool, root, { text: 'select pg_sleep(0.2)' })).rowCount, 1)
  for (const wrong of [`'listener', '0 s'`, `'listener', null`, `'listener', '1 day'`]) {
    await assert.rejects(admin(api.db, `select tmidb.set_request_timeout(${wrong})`), { code: 'TM108' })
  }
  await assert.rejects(admin(api.db, `select tmidb.set_request_timeout('king', '1 s')`), { code: 'TM107' })
})
