// SPDX-License-Identifier: MIT
// The same random questions at every door, by people with every kind of grant, against what the grants say: nothing more, nothing less.
// PROOF_QUERIES=2000 asks so many at each door instead of 2,000 at all; TMIDB_SEED repeats a run.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { seeded, seedOf } from '../lib/random.ts'
import { type Asked, askers, type Doors, openDoors } from './doors.ts'
import { chance } from './questions.ts'
import { type ServedWorld, servedWorld } from './served.ts'

const inAll = 2000
const atOnce = 6
const each = process.env.PROOF_QUERIES === undefined ? null : Number(process.env.PROOF_QUERIES)
const seed = seedOf()
const names = [
  'REST',
  'CSV',
  'embedding',
  'address of a listener',
  'GraphQL',
  'WebSocket',
  'subscription',
  'last values (MQTT)',
  'latest',
  'roll-ups',
  'geography',
  'targets',
  'psql',
]

let served: ServedWorld
let doors: Doors & AsyncDisposable
before(async () => {
  served = await servedWorld()
  doors = openDoors(served)
})
after(async () => {
  await doors[Symbol.asyncDispose]()
  await served[Symbol.asyncDispose]()
})

test('no door is left out', () => {
  assert.deepEqual(Object.keys(doors), names)
  assert.equal(
    Object.values(doors).reduce((sum, d) => sum + d.share, 0),
    100,
  )
})

for (const [at, name] of names.entries()) {
  test(`${name}: nobody gets a row or a field more or less than was granted (TMIDB_SEED=${seed})`, async (t) => {
    const door = doors[name] as Doors[string]
    const count = each ?? (inAll * door.share) / 100
    const c = chance(seeded(seed + at))
    const whos = askers(served.world)
    const wrong: Asked[] = []
    let [left, some] = [count, 0]
    const worker = async () => {
      while (left-- > 0) {
        const who = c.pick(whos)
        const asked = await door.ask(c, who)
        if (JSON.stringify(asked.got) !== JSON.stringify(asked.ought))
          wrong.push({ ...asked, question: `${who.name}: ${asked.question}` })
        if (JSON.stringify(asked.ought).length > 30) some++
      }
    }
    await Promise.all(Array.from({ length: atOnce }, worker))
    t.diagnostic(`${count} questions, ${some} with an answer worth the name, ${wrong.length} wrong`)
    assert.deepEqual(wrong.slice(0, 3), [])
  })
}
