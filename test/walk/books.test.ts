// SPDX-License-Identifier: MIT
// The judge of the kill test is judged: each kind of mistake that a database could make is seen, and counted as what it is.
import assert from 'node:assert/strict'
import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openBook, readBook } from '../lib/book.ts'
import { compareTarget } from '../lib/producers.ts'
import { seeded } from '../lib/random.ts'

const dir = mkdtempSync(join(tmpdir(), 'tmidb-books-'))
after(() => rmSync(dir, { recursive: true }))

const book = { target: 't', attempted: 6, acknowledged: 5 }
const right = { attempted: 6, acknowledged: 5, lost: 0, lostPrefix: 0, lostMiddle: 0, lostPostfix: 0 }
const none = { phantom: 0, doubled: 0, misordered: 0, changed: 0 }

test('a reading whose acknowledgement never came may be stored or not', () => {
  assert.deepEqual(compareTarget(book, [1, 2, 3, 4, 5]), { ...right, ...none, stored: 5 })
  assert.deepEqual(compareTarget(book, [1, 2, 3, 4, 5, 6]), { ...right, ...none, stored: 6 })
})

test('what is lost is counted by where it is missing', () => {
  assert.deepEqual(compareTarget(book, [3, 5]), { ...right, ...none, stored: 2, lost: 3, lostPrefix: 2, lostMiddle: 1 })
  assert.deepEqual(compareTarget(book, [1, 2, 3]), { ...right, ...none, stored: 3, lost: 2, lostPostfix: 2 })
  assert.deepEqual(compareTarget(book, []), { ...right, ...none, stored: 0, lost: 5, lostPrefix: 5 })
})

test('what was never sent, comes twice, comes late or is not what was sent is seen', () => {
  assert.deepEqual(compareTarget(book, [1, 2, 3, 4, 5, 7]), { ...right, ...none, stored: 6, phantom: 1 })
  assert.deepEqual(compareTarget(book, [1, 2, 2, 3, 4, 5]), { ...right, ...none, stored: 6, doubled: 1 })
  assert.deepEqual(compareTarget(book, [1, 3, 2, 4, 5]), { ...right, ...none, stored: 5, misordered: 1 })
  assert.deepEqual(compareTarget(book, [1, 2, 3, 4, 5], [0.5, 1, 1.5, 2, 99]), { ...right, ...none, stored: 5, changed: 1 })
})

test('a book keeps lines of many lanes at once, and a line that was cut off does not count', async () => {
  const file = join(dir, 'one.book')
  const written = await openBook(file)
  const lane = async (target: string): Promise<void> => {
    for (let n = 1; n <= 20; n++) {
      await written.sent([{ target, from: n, to: n }])
      assert.match(readFileSync(file, 'utf8'), new RegExp(`^s ${target} ${n} ${n}$`, 'm'))
      if (n < 20) await written.acknowledged([{ target, from: n, to: n }])
    }
  }
  await Promise.all(['a', 'b', 'c'].map(lane))
  await written.close()
  appendFileSync(file, 'a a 20 2')
  assert.deepEqual(
    await readBook(file),
    ['a', 'b', 'c'].map((target) => ({ target, attempted: 20, acknowledged: 19 })),
  )
  appendFileSync(file, '0\na a 22 22\n')
  await assert.rejects(readBook(file), /"a a 22 22" does not follow 20/)
})

test('the same seed gives the same chances', () => {
  const [a, b, c] = [seeded(7), seeded(7), seeded(8)]
  const some = Array.from({ length: 5 }, a)
  assert.deepEqual(Array.from({ length: 5 }, b), some)
  assert.notDeepEqual(Array.from({ length: 5 }, c), some)
})
