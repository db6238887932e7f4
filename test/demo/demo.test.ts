// SPDX-License-Identifier: MIT
// What the demo sends and shows; its way through the running system is the same as everybody's (test/walk).
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { demoLedger, endDemo, prepareDemo } from '../../src/db/demo.ts'
import { earthquakes, weather } from '../../src/demo/readings.ts'
import { openScreen, progressText } from '../../src/demo/screen.ts'
import { testDatabase } from '../lib/postgres.ts'

test('readings keep the time they were taken at and have an id each', () => {
  const quakes = earthquakes()
  const days = weather()
  assert.equal(quakes.length, 1707)
  assert.equal(days.length, 1461)
  assert.equal(new Set(quakes.map((r) => r.mid)).size, quakes.length)
  assert.equal(new Set(days.map((r) => r.mid)).size, days.length)
  assert.deepEqual(days[0], {
    target: 'seattle',
    ts: '2012-01-01T00:00:00-08:00',
    mid: '2012-01-01',
    data: { precipitation: 0, temp_max: 12.8, temp_min: 5, wind: 4.7, weather: 'drizzle' },
  })
  for (const { target, ts, data } of quakes) {
    assert.match(target, /^quakes-[a-z]+$/)
    assert.equal(new Date(ts).getUTCFullYear(), 2018)
    assert.deepEqual(Object.keys(data), ['magnitude', 'place', 'depth', 'latitude', 'longitude'])
  }
})

test('progress says percent, rate and time left', () => {
  assert.equal(progressText(500, 2000, 5), 'demo: 25 % (500 of 2000), 100/s, 0:15 left')
  assert.equal(progressText(0, 2000, 0), 'demo: 0 % (0 of 2000), 0/s')
})

test('without a terminal progress is plain lines', () => {
  let text = ''
  const out = { isTTY: false, write: (s: string) => (text += s) } as unknown as NodeJS.WriteStream
  const screen = openScreen(10, out)
  screen.progress(1)
  screen.progress(2)
  screen.line('a line')
  screen.progress(10)
  screen.end()
  assert.match(text, /^demo: 10 % .*\na line\ndemo: 100 % .*\n$/)
})

test('the demo prepares itself again and again, and leaves no token that opens anything', async () => {
  await using db = await testDatabase()
  const url = db.url('admin')
  const first = await prepareDemo(url)
  const second = await prepareDemo(url)
  assert.notEqual(first.speaker, second.speaker)
  const open = () => db.query('select kind from tmidb.token where revoked_at is null order by kind')
  assert.equal((await open()).length, 4)
  assert.deepEqual(
    await db.query("select distinct expires_at < now() + interval '2 days' as soon from tmidb.token where revoked_at is null"),
    [{ soon: true }],
  )
  await endDemo(url, first)
  await endDemo(url, second)
  assert.deepEqual(await open(), [])
  assert.deepEqual(await demoLedger(url), { received: 0, stored: 0, duplicate: 0, quarantined: 0 })
  assert.deepEqual(await db.query('select fields from tmidb.listener_subscriptions where fields is not null'), [
    { fields: ['temp_max', 'weather'] },
  ])
})
