// SPDX-License-Identifier: MIT
// What doors write down of those they refuse. Whoever is refused can ask again a thousand times a second, and neither the disk nor the
// door may pay for it: of one kind, actor (or address, of whom nobody knows) and code the first of a minute are written, of one kind so many in all, and of the rest one
// row each at the end of the minute says how many more there were. So a flood writes at most some 80 rows a minute, kind and process.
import type { Via } from '../base/caller.ts'
import { observe } from '../base/observe.ts'

export interface AuditEvent {
  kind: string
  /** Null: nobody that is known. */
  actor: string | null
  detail: object
  /** From where, as what the actor was here, and what it was about. */
  from?: (Via & { role?: string | undefined; resource?: string | undefined }) | undefined
}

export interface AuditLog extends AsyncDisposable {
  /** Never rejects: that something cannot be written down is no reason to let it pass, nor to fail. The log has it then. */
  tell(event: AuditEvent): Promise<void>
}

export interface Bounds {
  perActor: number
  perKind: number
  minuteMs: number
}

interface Count {
  kind: string
  actor: string | null
  address: string | undefined
  code: string | undefined
  written: number
  more: number
}

const bounds: Bounds = { perActor: 20, perKind: 60, minuteMs: 60_000 }

export function openAudit(
  write: (event: AuditEvent) => Promise<void>,
  { perActor, perKind, minuteMs }: Bounds = bounds,
): AuditLog {
  const put = async (event: AuditEvent): Promise<void> => {
    await write(event).catch((e: unknown) => {
      const message = `the audit does not have ${event.kind} by ${event.actor} ${JSON.stringify(event.detail)}: ${(e as Error).message}`
      observe({ kind: 'log', level: 'warn', message })
    })
  }
  const counts = new Map<string, Count>()
  let timer: NodeJS.Timeout | null = null
  const sayMore = async (): Promise<void> => {
    if (timer !== null) clearTimeout(timer)
    timer = null
    const flooded = [...counts.values()].filter((c) => c.more > 0)
    counts.clear()
    for (const { kind, actor, address, code, more } of flooded) {
      await put({ kind, actor, detail: { more, within_s: minuteMs / 1000, ...(code ? { code } : {}) }, from: { address } })
    }
  }
  const countOf = (key: string, of: Pick<Count, 'kind' | 'actor' | 'address' | 'code'>): Count => {
    let count = counts.get(key)
    if (!count) counts.set(key, (count = { ...of, written: 0, more: 0 }))
    return count
  }
  return {
    async tell(event) {
      const { kind, actor, detail, from } = event
      const { code } = detail as { code?: unknown }
      timer ??= setTimeout(() => void sayMore(), minuteMs).unref()
      const all = countOf(kind, { kind, actor: null, address: undefined, code: undefined })
      const address = actor === null ? from?.address : undefined
      const key = `${kind}\0${actor ?? address}\0${code}`
      // Invented names are counted together: a name of its own is only for whom a row was written.
      if (all.written >= perKind && !counts.has(key)) {
        all.more++
        return
      }
      const own = countOf(key, { kind, actor, address, code: typeof code === 'string' ? code : undefined })
      if (all.written >= perKind || own.written >= perActor) {
        own.more++
        return
      }
      all.written++
      own.written++
      await put(event)
    },
    async [Symbol.asyncDispose]() {
      await sayMore()
    },
  }
}
