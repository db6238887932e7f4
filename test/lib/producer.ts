// SPDX-License-Identifier: MIT
// The process of the producers, on its own so that it outlives whatever happens to the one that started it; it ends by itself after
// plan.limitMs. Its folder holds plan.json (what to do), one book a producer, progress.json (how it goes) and, when somebody
// wants it to come to an end, a file "finish": then each producer sends the rest of its share without pausing.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { openBook } from './book.ts'
import type { Plan, Producer, Progress } from './producers.ts'
import { openSender, type Reading } from './senders.ts'

const folder = process.argv[2] as string
const plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8')) as Plan
const progress: Progress = { attempted: 0, acknowledged: 0, messages: 0, retries: 0, refused: [], ended: false }
const started = performance.now()
let finishing = false
const over = (): boolean => performance.now() - started > plan.limitMs

const tell = (): void => {
  finishing ||= existsSync(join(folder, 'finish'))
  writeFileSync(join(folder, 'progress.json.new'), JSON.stringify(progress))
  renameSync(join(folder, 'progress.json.new'), join(folder, 'progress.json'))
}
const telling = setInterval(tell, 200)
// A connection that breaks behind a library's back must not end the others.
process.on('unhandledRejection', (e) => refused(`unhandled: ${e}`))

function refused(what: string): void {
  if (progress.refused.length < 20) progress.refused.push(what)
}

async function produce(producer: Producer): Promise<void> {
  const book = await openBook(join(folder, `${producer.name}.book`))
  const sender = openSender(producer.way, plan.connection, plan.category, producer.name)

  const lane = async (targets: string[]): Promise<void> => {
    let last = 0
    const size = targets.length * producer.each
    const begun = performance.now()
    while (!over() && !(finishing && last * targets.length >= producer.share)) {
      const entries = targets.map((target) => ({ target, from: last + 1, to: last + producer.each }))
      const ts = new Date().toISOString()
      const readings: Reading[] = entries.flatMap(({ target }) =>
        Array.from({ length: producer.each }, (_, i) => ({ target, ts, n: last + 1 + i, value: (last + 1 + i) / 2 })),
      )
      await book.sent(entries)
      progress.attempted += size
      for (let attempt = 0; !over(); attempt++) {
        try {
          if (await sender.send(readings)) {
            await book.acknowledged(entries)
            progress.acknowledged += size
            progress.messages++
            break
          }
        } catch (e) {
          refused(`${producer.name}: ${(e as Error).message}`)
        }
        progress.retries++
        await sleep(Math.min(50 * 2 ** Math.min(attempt, 5), 500))
      }
      last += producer.each
      const due = begun + (last * targets.length * 1000) / producer.perSecond
      while (due > performance.now() && !finishing) await sleep(Math.min(due - performance.now(), 200))
    }
  }

  await Promise.all(producer.lanes.map(lane))
  await sender.end()
  await book.close()
}

await Promise.all(plan.producers.map(produce))
clearInterval(telling)
progress.ended = true
tell()
process.exit(0)
