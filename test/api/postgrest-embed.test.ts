// SPDX-License-Identifier: MIT
// Resource embedding with PostgREST's own client; what is expected is written from PostgREST's documentation (Resource Embedding).
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { PostgrestClient } from '@supabase/postgrest-js'
import { postgrestWorld } from './postgrest-world.ts'
import { day, type RestWorld } from './rest-world.ts'

let world: RestWorld
before(async () => {
  world = await postgrestWorld()
})
after(async () => await world[Symbol.asyncDispose]())

// biome-ignore lint/suspicious/noExplicitAny: the client's own word for a schema that is not declared
const from = (relation: string): any => world.as('admin').from(relation)
interface Answer {
  data: unknown
  error: { code: string; message: string; details: unknown; hint: string | null } | null
  status: number
}
const rows = ({ data, error }: Answer): unknown => {
  assert.equal(error, null)
  return data
}

test('many-to-one is an object, null where there is none', async () => {
  assert.deepEqual(rows(await from('drivers').select('name,sites!drivers_site_id_fkey(name)').order('id').range(2, 3)), [
    { name: 'Choi', sites: { name: 'Pohang' } },
    { name: 'Doh', sites: null },
  ])
})

test('one-to-many is an array, empty where there is none', async () => {
  assert.deepEqual(rows(await from('sites').select('name,drivers!drivers_site_id_fkey(name)').order('id').limit(3)), [
    { name: 'Busan', drivers: [{ name: 'Ahn' }, { name: 'Bae' }] },
    { name: 'Pohang', drivers: [{ name: 'Choi' }] },
    { name: 'Ulsan', drivers: [] },
  ])
})

test('one-to-one is an object from both ends', async () => {
  assert.deepEqual(rows(await from('drivers').select('name,licences(class)').order('id').limit(2)), [
    { name: 'Ahn', licences: { class: 'C' } },
    { name: 'Bae', licences: null },
  ])
  assert.deepEqual(rows(await from('licences').select('class,drivers(name)').order('driver_id').limit(1)), [
    { class: 'C', drivers: { name: 'Ahn' } },
  ])
})

test('many-to-many goes through the junction', async () => {
  assert.deepEqual(
    rows(await from('sites').select('name,trucks(plate)').order('id').limit(3).order('plate', { referencedTable: 'trucks' })),
    [
      { name: 'Busan', trucks: [{ plate: 'B-1' }] },
      { name: 'Pohang', trucks: [{ plate: 'B-1' }, { plate: 'B-2' }] },
      { name: 'Ulsan', trucks: [] },
    ],
  )
  assert.deepEqual(
    rows(await from('trucks').select('plate,sites(name)').order('plate').order('name', { referencedTable: 'sites' })),
    [
      { plate: 'B-1', sites: [{ name: 'Busan' }, { name: 'Pohang' }] },
      { plate: 'B-2', sites: [{ name: 'Pohang' }] },
    ],
  )
})

test('the junction itself can be embedded, with what it points at spread into it', async () => {
  assert.deepEqual(rows(await from('trucks').select('plate,stays:trucks_of_sites(since,...sites(name))').eq('plate', 'B-1')), [
    {
      plate: 'B-1',
      stays: [
        { since: '2024-01-02', name: 'Busan' },
        { since: '2024-01-03', name: 'Pohang' },
      ],
    },
  ])
})

test('an alias renames what is embedded', async () => {
  assert.deepEqual(rows(await from('licences').select('class,holder:drivers(who:name)').eq('class', 'CE')), [
    { class: 'CE', holder: { who: 'Choi' } },
  ])
})

test('a hint chooses the foreign key: by its name, by its column, from the other end', async () => {
  assert.deepEqual(
    rows(
      await from('drivers').select('home:sites!drivers_site_id_fkey(name),backup:sites!drivers_backup(name)').eq('name', 'Ahn'),
    ),
    [{ home: { name: 'Busan' }, backup: { name: 'Pohang' } }],
  )
  assert.deepEqual(rows(await from('drivers').select('sites!backup_site_id(name)').eq('name', 'Choi')), [
    { sites: { name: 'Busan' } },
  ])
  assert.deepEqual(rows(await from('sites').select('name,drivers!drivers_backup(name)').eq('name', 'Pohang')), [
    { name: 'Pohang', drivers: [{ name: 'Ahn' }] },
  ])
  assert.deepEqual(rows(await from('trucks').select('sites!trucks_of_sites(name)').eq('plate', 'B-2')), [
    { sites: [{ name: 'Pohang' }] },
  ])
})

test('the foreign key or its column can stand for the relation', async () => {
  assert.deepEqual(rows(await from('drivers').select('name,drivers_backup(name)').eq('name', 'Ahn')), [
    { name: 'Ahn', drivers_backup: { name: 'Pohang' } },
  ])
  assert.deepEqual(rows(await from('drivers').select('home:site_id(name)').eq('name', 'Ahn')), [{ home: { name: 'Busan' } }])
})

test('a relation with itself: down by its name, up by the column', async () => {
  assert.deepEqual(rows(await from('sites').select('name,below:sites(name),parent_id(name)').lte('id', 2).order('id')), [
    { name: 'Busan', below: [{ name: 'Pohang' }, { name: 'Ulsan' }], parent_id: null },
    { name: 'Pohang', below: [], parent_id: { name: 'Busan' } },
  ])
})

test('embedded relations embed', async () => {
  assert.deepEqual(
    rows(await from('sites').select('name,drivers!drivers_site_id_fkey(name,licences(class),trucks(plate))').eq('id', 1)),
    [
      {
        name: 'Busan',
        drivers: [
          { name: 'Ahn', licences: { class: 'C' }, trucks: [{ plate: 'B-1' }] },
          { name: 'Bae', licences: null, trucks: [{ plate: 'B-2' }] },
        ],
      },
    ],
  )
})

test('filters, order, limit and offset of what is embedded leave the top as it is', async () => {
  const site = () => from('sites').select('name,drivers!drivers_site_id_fkey(name)').lte('id', 2).order('id')
  assert.deepEqual(rows(await site().eq('drivers.name', 'Bae')), [
    { name: 'Busan', drivers: [{ name: 'Bae' }] },
    { name: 'Pohang', drivers: [] },
  ])
  assert.deepEqual(
    rows(await site().order('name', { referencedTable: 'drivers', ascending: false }).limit(1, { referencedTable: 'drivers' })),
    [
      { name: 'Busan', drivers: [{ name: 'Bae' }] },
      { name: 'Pohang', drivers: [{ name: 'Choi' }] },
    ],
  )
  assert.deepEqual(rows(await site().order('name', { referencedTable: 'drivers' }).range(1, 5, { referencedTable: 'drivers' })), [
    { name: 'Busan', drivers: [{ name: 'Bae' }] },
    { name: 'Pohang', drivers: [] },
  ])
  assert.deepEqual(rows(await site().or('name.eq.Ahn,name.eq.Choi', { referencedTable: 'drivers' })), [
    { name: 'Busan', drivers: [{ name: 'Ahn' }] },
    { name: 'Pohang', drivers: [{ name: 'Choi' }] },
  ])
})

test('filters go by the alias, and further in by a path of them', async () => {
  assert.deepEqual(
    rows(
      await from('sites')
        .select('name,crew:drivers!drivers_site_id_fkey(name,licences(class))')
        .eq('id', 1)
        .eq('crew.name', 'Ahn')
        .eq('crew.licences.class', 'CE'),
    ),
    [{ name: 'Busan', crew: [{ name: 'Ahn', licences: null }] }],
  )
  const { error, status } = await from('sites').select('name,crew:drivers!drivers_backup(name)').eq('drivers.name', 'Ahn')
  assert.deepEqual(
    [status, error?.code, error?.details, error?.hint],
    [
      400,
      'PGRST108',
      'Target names are not allowed in filters if they have an alias',
      "Change 'drivers' to 'crew' in filters, orders or limits.",
    ],
  )
})

test('!inner keeps only rows that have some, and the count follows', async () => {
  const answer = await from('sites')
    .select('name,drivers!drivers_site_id_fkey!inner(name)', { count: 'exact' })
    .eq('drivers.name', 'Choi')
  assert.deepEqual(rows(answer), [{ name: 'Pohang', drivers: [{ name: 'Choi' }] }])
  assert.equal(answer.count, 1)
  assert.deepEqual(rows(await from('drivers').select('name,licences!inner(class)').order('name')), [
    { name: 'Ahn', licences: { class: 'C' } },
    { name: 'Choi', licences: { class: 'CE' } },
  ])
  assert.equal(((await from('drivers').select('name,licences!left(class)')).data as unknown[]).length, 4)
})

test('!inner further in decides only there', async () => {
  assert.deepEqual(
    rows(await from('sites').select('name,drivers!drivers_site_id_fkey(name,licences!inner(class))').lte('id', 2).order('id')),
    [
      { name: 'Busan', drivers: [{ name: 'Ahn', licences: { class: 'C' } }] },
      { name: 'Pohang', drivers: [{ name: 'Choi', licences: { class: 'CE' } }] },
    ],
  )
})

test('is.null and not.is.null of what is embedded choose rows', async () => {
  const drivers = () => from('drivers').select('name,licences()').order('name')
  assert.deepEqual(rows(await drivers().is('licences', null)), [{ name: 'Bae' }, { name: 'Doh' }])
  assert.deepEqual(rows(await drivers().not('licences', 'is', null)), [{ name: 'Ahn' }, { name: 'Choi' }])
  const sites = await from('sites')
    .select('name,drivers!drivers_site_id_fkey()', { count: 'exact' })
    .is('drivers', null)
    .order('id')
  assert.deepEqual([rows(sites), sites.count], [[{ name: 'Ulsan' }, { name: 'Empty' }], 2])
})

test('or goes across embedded relations by their being there', async () => {
  assert.deepEqual(
    rows(
      await from('drivers')
        .select('name,licences(),trucks()')
        .eq('licences.class', 'CE')
        .eq('trucks.plate', 'B-2')
        .or('licences.not.is.null,trucks.not.is.null')
        .order('name'),
    ),
    [{ name: 'Bae' }, { name: 'Choi' }],
  )
})

test('an empty embed shows nothing', async () => {
  assert.deepEqual(rows(await from('drivers').select('name,licences!inner()').eq('licences.class', 'C')), [{ name: 'Ahn' }])
})

test('a to-one spread lifts its columns, null where there is none', async () => {
  assert.deepEqual(rows(await from('drivers').select('name,...licences(licence:class)').order('id').limit(2)), [
    { name: 'Ahn', licence: 'C' },
    { name: 'Bae', licence: null },
  ])
  assert.deepEqual(rows(await from('trucks').select('plate,...drivers(driver:name,...licences(licence:class))').order('plate')), [
    { plate: 'B-1', driver: 'Ahn', licence: 'C' },
    { plate: 'B-2', driver: 'Bae', licence: null },
  ])
})

test('a to-many spread makes correlated arrays', async () => {
  assert.deepEqual(
    rows(
      await from('sites')
        .select('name,...drivers!drivers_site_id_fkey(ids:id,names:name,...licences(classes:class))')
        .order('id')
        .limit(3)
        .order('name', { referencedTable: 'drivers', ascending: false }),
    ),
    [
      { name: 'Busan', ids: [2, 1], names: ['Bae', 'Ahn'], classes: [null, 'C'] },
      { name: 'Pohang', ids: [3], names: ['Choi'], classes: ['CE'] },
      { name: 'Ulsan', ids: [], names: [], classes: [] },
    ],
  )
})

test('the top is ordered by a column of a to-one', async () => {
  assert.deepEqual(
    rows(
      await from('drivers')
        .select('name,licences(class)')
        .order('licences(class)', { ascending: false, nullsFirst: false })
        .limit(2),
    ),
    [
      { name: 'Choi', licences: { class: 'CE' } },
      { name: 'Ahn', licences: { class: 'C' } },
    ],
  )
  const many = await from('sites').select('name,drivers!drivers_backup(name)').order('drivers(name)')
  assert.deepEqual(
    [many.status, many.error?.code, many.error?.message, many.error?.details],
    [
      400,
      'PGRST118',
      "A related order on 'drivers' is not possible",
      "'sites' and 'drivers' do not form a many-to-one or one-to-one relationship",
    ],
  )
})

test('no relationship is PGRST200 and 400', async () => {
  const { status, error } = await from('sites').select('name,licences(class)')
  assert.deepEqual(
    [status, error?.code, error?.message, error?.details],
    [
      400,
      'PGRST200',
      "Could not find a relationship between 'sites' and 'licences' in the schema cache",
      "Searched for a foreign key relationship between 'sites' and 'licences' in the schema 'app', but no matches were found.",
    ],
  )
  assert.equal((await from('sites').select('name,driver(name)')).error?.hint, "Perhaps you meant 'drivers' instead of 'driver'.")
})

test('several relationships are PGRST201 and 300, with a list of them', async () => {
  const { status, error } = await from('drivers').select('name,sites(name)')
  assert.deepEqual(
    [status, error?.code, error?.message],
    [300, 'PGRST201', "Could not embed because more than one relationship was found for 'drivers' and 'sites'"],
  )
  assert.deepEqual(error?.details, [
    {
      cardinality: 'many-to-one',
      embedding: 'drivers with sites',
      relationship: 'drivers_backup using drivers(backup_site_id) and sites(id)',
    },
    {
      cardinality: 'many-to-one',
      embedding: 'drivers with sites',
      relationship: 'drivers_site_id_fkey using drivers(site_id) and sites(id)',
    },
  ])
  assert.equal(
    error?.hint,
    "Try changing 'sites' to one of the following: 'sites!drivers_backup', 'sites!drivers_site_id_fkey'. Find the desired relationship in the 'details' key.",
  )
})

test('what would be ambiguous and may not be read is as if it were not there', async () => {
  const of = async (name: string) => (await world.as('few').from('sites').select(`name,${name}(name)`)).error
  const { message, details, ...more } = (await of('drivers'))!
  assert.deepEqual(
    {
      ...more,
      name: 'PostgrestError',
      message: message.replaceAll('drivers', 'nothing'),
      details: details.replaceAll('drivers', 'nothing'),
    },
    {
      ...(await of('nothing')),
      name: 'PostgrestError',
    },
  )
})

test('a filter or limit of what is not embedded is PGRST108', async () => {
  for (const answer of [
    await from('drivers').select('name').eq('licences.class', 'C'),
    await from('drivers').select('name').limit(1, { referencedTable: 'licences' }),
    await from('drivers').select('name').order('licences(class)'),
  ]) {
    assert.deepEqual(
      [answer.status, answer.error?.code, answer.error?.message],
      [400, 'PGRST108', "'licences' is not an embedded resource in this request"],
    )
  }
})

test('another operator on what is embedded is PGRST120', async () => {
  const { status, error } = await from('drivers').select('name,licences(class)').eq('licences', '1')
  assert.deepEqual([status, error?.code, error?.message], [400, 'PGRST120', "Bad operator on the 'licences' embedded resource"])
})

test("a smart tag relates a user's view", async () => {
  assert.deepEqual(rows(await from('site_names').select('shout,sites(city)').eq('site', 1)), [
    { shout: 'BUSAN', sites: { city: 'Busan' } },
  ])
  assert.deepEqual(rows(await from('sites').select('name,site_names(shout)').eq('id', 2)), [
    { name: 'Pohang', site_names: { shout: 'POHANG' } },
  ])
})

test("readings embed their target, and through it the user's tables that point at targets", async () => {
  assert.deepEqual(
    rows(
      await from('sensor')
        .select('temperature,target(key,trucks(plate,state),notes(body))')
        .eq('target', 'truck-1')
        .eq('temperature', 21),
    ),
    [
      {
        temperature: 21,
        target: {
          key: 'truck-1',
          trucks: { plate: 'B-1', state: 'driving' },
          notes: [{ body: 'new tyres' }, { body: 'washed' }],
        },
      },
    ],
  )
})

test('targets embed their readings by the name of the category: newest first, of the major in the address', async () => {
  const read = async (major: number) =>
    rows(
      await world
        .as('admin', major)
        .from('trucks')
        .select('plate,target(sensor(ts,temperature))')
        .eq('plate', 'B-1')
        .limit(2, { referencedTable: 'target.sensor' }),
    )
  const [four, three] = [`${day}T04:00:00.000000Z`, `${day}T03:00:00.000000Z`]
  const with_ = (a: unknown, b: unknown) => [
    {
      plate: 'B-1',
      target: {
        sensor: [
          { ts: four, temperature: a },
          { ts: three, temperature: b },
        ],
      },
    },
  ]
  assert.deepEqual(await read(1), with_(null, 22.5))
  assert.deepEqual(await read(2), with_('warm', '22.5'))
})

test('readings are chosen by what their target has', async () => {
  assert.deepEqual(
    rows(
      await from('sensor').select('temperature,target!inner(trucks!inner(plate))').eq('target.trucks.plate', 'B-2').order('ts'),
    ),
    [5, -3].map((temperature) => ({ temperature, target: { trucks: { plate: 'B-2' } } })),
  )
})

test('a category that a listener may not see cannot be embedded, as one that is not there', async () => {
  const few = world.as('few')
  const read = (name: string) => few.from('target').select(`key,${name}(ts)`)
  const [hidden, none] = [await read('secret'), await read('sesame')]
  assert.equal(hidden.error?.code, 'PGRST200')
  assert.equal(JSON.stringify(hidden.error).replaceAll('secret', 'sesame'), JSON.stringify(none.error))
  assert.equal((await read('secret_v1')).error?.code, 'PGRST200')
  assert.equal((await few.from('target').select('key,secret(nope)')).error?.code, 'PGRST200')
  assert.deepEqual((await few.from('target').select('key,sensor(humidity)').limit(1, { referencedTable: 'sensor' })).data, [
    { key: 'truck-1', sensor: [{ humidity: null }] },
  ])
})

test('nor in what a function gives or a write returns, however the address is escaped', async () => {
  const json = { 'content-type': 'application/json', prefer: 'return=representation' }
  const send = (method: string, path: string, body: object) =>
    fetch(`${world.base}${path}`, {
      method,
      headers: { ...json, authorization: `Bearer ${world.tokens.few}` },
      body: JSON.stringify(body),
    })
  for (const [method, path, body] of [
    ['GET', '/api/rpc/all_trucks?select=plate,target(~(ts))', null],
    ['POST', '/api/rpc/all_trucks?select=plate,target%28~%28ts%29%29', {}],
  ] as const) {
    const ask = async (name: string) => {
      const address = path.replace('~', name)
      const res = body === null ? await world.get(address, 'few') : await send(method, address, body)
      return [res.status, (await res.text()).replaceAll(name, '~')] as const
    }
    const [hidden, none] = [await ask('secret'), await ask('sesame')]
    assert.equal(none[0], 400, `${path} ${none[1]}`)
    assert.deepEqual(hidden, none, path)
    assert.match(hidden[1], /PGRST200/)
    assert.doesNotMatch((await ask('sensor'))[1], /PGRST200/)
  }
})

test('what the role may not read cannot be embedded, and is as if it were not there', async () => {
  const listener = world.as('few').from('sites')
  assert.deepEqual((await listener.select('name').eq('id', 1)).data, [{ name: 'Busan' }])
  const { status, error } = await listener.select('name,drivers!drivers_backup(name)')
  assert.deepEqual([status, error?.code], [400, 'PGRST200'])
})

test('of an embedded relation no more than a page comes, and an answer of more than 16 MB is refused with TM308', async () => {
  await world.db.query(`set role admin;
    create table app.logs (id int primary key, site_id int references app.sites, line text);
    insert into app.logs select i, 4, repeat('x', 17000) from generate_series(1, 1100) i`)
  await world.catalog.reload()
  const some = (await from('sites').select('logs(id)').eq('id', 4).single()).data as { logs: { id: number }[] }
  assert.deepEqual([some.logs.length, some.logs.at(-1)], [1000, { id: 1000 }])
  const { status, error } = await from('sites').select('name,logs(line)')
  assert.deepEqual([status, error?.code], [400, 'TM308'])
})

test('relationships go across schemas, and a schema is chosen by its profile', async () => {
  const fleet = new PostgrestClient(`${world.base}/api`, {
    headers: { Authorization: world.tokens.admin },
    schema: 'fleet',
  })
  assert.deepEqual((await fleet.from('sites').select()).data, [{ id: 7, code: 'F7' }])
  assert.deepEqual((await fleet.schema('app').from('sites').select('name').eq('id', 1)).data, [{ name: 'Busan' }])
  assert.equal((await fleet.schema('app').from('pumps').select()).error?.code, 'PGRST205')
  const { status, error } = await fleet.schema('tmidb').from('token').select()
  assert.deepEqual(
    [status, error?.code, error?.message, error?.hint],
    [406, 'PGRST106', 'Invalid schema: tmidb', 'Only the following schemas are exposed: api, app, fleet'],
  )
  assert.equal((await fleet.schema('v2').from('sensor').select().eq('ts', `${day}T04:00:00Z`).single()).data?.temperature, 'warm')
})

test('a device cannot take the address of a table, nor its name in an embed, by sending to a category of that name', async () => {
  const table = async () => [
    rows(await from('notes').select('body').eq('id', 1)),
    rows(await from('target').select('key,notes(body)').eq('key', 'house')),
    rows(await from('trucks').select('plate,target(notes(body))').eq('plate', 'B-2')),
  ]
  const before = await table()
  for (const category of ['notes', 'notes_target_key_fkey'])
    await world.db.query(`select tmidb.ingest($1, 'house', '{"body": "mine now"}')`, [category])
  await world.db.query('select tmidb.publish_views()')
  await world.catalog.reload()
  assert.deepEqual(await table(), before)
  const mine = [{ body: 'mine now' }]
  assert.deepEqual(rows(await from('target').select('key,notes_target_key_fkey(body)').eq('key', 'house')), [
    { key: 'house', notes_target_key_fkey: [{ body: 'roof leaks' }] },
  ])
  assert.deepEqual(rows(await from('notes_v1').select('body')), mine)
  assert.deepEqual(rows(await from('target').select('notes_v1(body)').eq('key', 'house')), [{ notes_v1: mine }])
  for (const path of ['/api/v1/notes', '/api/notes_v1']) {
    const res = await world.get(`${path}?select=body`, 'admin', { 'accept-profile': 'api' })
    assert.deepEqual(await res.json(), mine, path)
  }
  const index = (await (await world.get('/api/all', 'all')).json()) as { categories: { category: string; versions: object[] }[] }
  assert.deepEqual(index.categories.find((c) => c.category === 'notes')?.versions, [
    { version: 1, href: '/api/v1/notes_v1', deprecated: false },
  ])
  const hidden = await world.get('/api/v1/notes_v1', 'few')
  const none = await world.get('/api/v1/sesame_v1', 'few')
  assert.equal((await hidden.text()).replaceAll('notes', 'sesame'), await none.text())
})
