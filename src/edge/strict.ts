// SPDX-License-Identifier: MIT
// What strict categories take, as the ways in know it: read before the first message and again whenever access changes, which set_strict,
// pin_field and new versions say they do. Behind what is known here stands SQL, which has the last word when a reading is stored.
import type { Pool } from '../db/pool.ts'
import type { ShapeBook, StrictField } from './shape.ts'

export interface StrictWatch {
  readonly isKnown: boolean
  /** Resolves when it has been read once; rejects while PostgreSQL is away. */
  known(): Promise<void>
  /** What is known stays until the new answer is there. */
  reload(): void
}

const againMs = 1000

export function openStrictWatch(pool: Pool, shapes: ShapeBook): StrictWatch {
  let isKnown = false
  let isStale = false
  let reading: Promise<void> | null = null

  const read = async (): Promise<void> => {
    do {
      isStale = false
      const { rows } = await pool.query<{ category: string; majors: StrictField[][] }>({
        name: 'strict_categories',
        text: 'select category, majors from tmidb.strict_categories() order by category',
      })
      shapes.setStrict(new Map(rows.map((r) => [r.category, r.majors])))
      isKnown = true
      // It may have changed while it was read.
    } while (isStale)
  }
  const known = (): Promise<void> => {
    reading ??= read().finally(() => {
      reading = null
    })
    return reading
  }

  const reload = (): void => {
    isStale = true
    if (reading !== null) return
    // PostgreSQL is away; whoever listens to it says so in the log.
    known().catch(() => setTimeout(reload, againMs).unref())
  }

  return {
    get isKnown() {
      return isKnown
    },
    known,
    reload,
  }
}
