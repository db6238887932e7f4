// SPDX-License-Identifier: MIT
// The hub's questions to SQL.

import { TmiError } from '../base/errors.ts'
import type { Identity } from '../db/access.ts'
import { isReader, type Pool } from '../db/pool.ts'
import type { Vector } from './cursor.ts'

export interface FanoutRow {
  shard: number
  position: string
  classes: string[]
  category: string
  target: string
  tail: string
  typed: Record<string, Record<string, unknown>> | null
}

export interface Reader {
  heads(): Promise<Vector>
  fanout(
    from: Vector,
    upto: Vector,
    classes: string[],
    low: string,
    high: string,
    majors: Record<string, number[]>,
  ): Promise<FanoutRow[]>
  classOf(identity: Identity): Promise<string>
  /** What stands, and up to which positions that is all there is. */
  lastValues(classId: string, category: string | null, targets: string[] | null): Promise<{ heads: Vector; values: LastValue[] }>
}

export interface LastValue {
  category: string
  target: string
  tail: string
}

export function reader(pool: Pool): Reader {
  return {
    async heads() {
      const { rows } = await pool.query<{ heads: string[] }>('select tmidb.live_heads() as heads')
      return (rows[0]?.heads ?? []).map(Number)
    },
    async fanout(from, upto, classes, low, high, majors) {
      const { rows } = await pool.query<FanoutRow>({
        name: 'fanout',
        text: 'select * from tmidb.fanout($1, $2, $3, $4, $5, $6)',
        values: [from, upto, classes, low, high, JSON.stringify(majors)],
      })
      return rows
    },
    async classOf(identity) {
      if (!isReader(identity.claims.role)) throw new TmiError(identity.kind === 'anonymous' ? 'TM100' : 'TM102')
      const { rows } = await pool.query<{ id: string | null }>('select tmidb.class_of($1) as id', [
        JSON.stringify(identity.claims),
      ])
      const id = rows[0]?.id
      if (id == null) throw new TmiError('TM101')
      return id
    },
    async lastValues(classId, category, targets) {
      // The first row says where the shards are; one statement, so one snapshot for both.
      const { rows } = await pool.query<LastValue>({
        name: 'last_values',
        text: `select null as category, null as target, array_to_string(tmidb.live_heads(), ',') as tail
               union all select * from tmidb.last_values($1, $2, $3)`,
        values: [classId, category, targets],
      })
      const [first, ...values] = rows as [LastValue, ...LastValue[]]
      return { heads: first.tail.split(',').map(Number), values }
    },
  }
}
