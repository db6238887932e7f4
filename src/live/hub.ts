// SPDX-License-Identifier: MIT
// One LISTEN, one read per wake-up for all permission classes that are connected, then sockets. Commits wake the hub with the
// positions they reached; SQL decides who may see what (tmidb.fanout); here events are only handed on. All steps that move the
// hub's place in the streams run one after another, so that a client joins exactly between two of them.
import { type Caller, isShutOut } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import { sleep } from '../base/retry.ts'
import type { Access, Identity } from '../db/access.ts'
import { listenTo } from '../db/listen.ts'
import { openPool } from '../db/pool.ts'
import { decodeCursor, encodeCursor, type Vector } from './cursor.ts'
import { type FanoutRow, reader } from './read.ts'

export interface LiveEvent {
  cursor: string
  shard: number
  /** Its place in the shard. */
  position: number
  category: string
  target: string
  /** "category": … to the closing brace: what follows the cursor in the event's JSON. */
  tail: string
  /** The whole event as JSON text. */
  readonly text: string
  readonly version: string
  readonly ts: string
  /** Typed fields by GraphQL name, as the major version that was asked for shows them. */
  row(major: number): Record<string, unknown> | null
}

/** An event as GraphQL reads it: the row is that of the major version that was wished for. */
export interface TypedEvent {
  cursor: string
  category: string
  version: string
  target: string
  ts: string
  /** Typed fields by GraphQL name. */
  row: Record<string, unknown> | null
}

export interface Wish {
  identity: Identity
  /** Who is asked for again when access changes. */
  caller?: Caller | undefined
  category?: string | null | undefined
  targets?: string[] | null | undefined
  /** Which major's typed row is wanted. */
  major?: number | undefined
  /** Cursor of the last event seen; absent: from now on. */
  since?: string | null | undefined
  /** Of these, the ones that an iterator gives. */
  passes?: ((event: TypedEvent) => boolean) | null | undefined
}

export interface Listener {
  push(event: LiveEvent): void
  end(why: TmiError): void
}

export interface Attachment {
  /** Where the stream starts. */
  cursor: string
  detach(): void
}

export interface Hub extends AsyncDisposable {
  attach(wish: Wish, listener: Listener): Promise<Attachment>
  /** The same as an async iterator, for GraphQL. */
  subscribe(wish: Wish): AsyncIterableIterator<TypedEvent>
  /** How often access changed. */
  changes(): number
  status(): { listeners: number; classes: number; cursor: string }
}

interface Member extends Listener {
  wish: Wish
  classId: string
  targets: Set<string> | null
  /** Events that come while the past is still being read, and up to where that is. */
  held: LiveEvent[] | null
  until: Vector
}

/** Positions of a shard that one read covers at most; bounds memory while catching up. */
const step = 2000
const mostHeld = 100_000

export async function openHub(url: string, access: Access): Promise<Hub> {
  const pool = openPool(url, { max: 4, application: 'live' })
  const read = reader(pool)
  const members = new Set<Member>()
  let vector: Vector = await read.heads()
  let wanted: Vector = [...vector]
  let low: string | null = null
  let high: string | null = null
  let blind = false
  let turn: Promise<unknown> = Promise.resolve()
  let queued = false
  let closed = false
  /** How often access changed: what was looked up before the last time may not count any more. */
  let changes = 0

  /** One after another; a failed step does not stop the next. */
  const inTurn = <T>(fn: () => Promise<T>): Promise<T> => {
    const next = turn.then(fn, fn)
    turn = next.catch(() => {})
    return next
  }

  const wake = (): void => {
    if (queued || closed) return
    queued = true
    void inTurn(async () => {
      queued = false
      await pump()
    }).catch(async (e: unknown) => {
      observe({ kind: 'log', level: 'warn', message: `live read failed, again soon: ${(e as Error).message}` })
      blind = true
      await sleep(300)
      wake()
    })
  }

  const pump = async (): Promise<void> => {
    if (blind) {
      wanted = await read.heads()
      blind = false
      low = '-infinity'
      high = 'infinity'
    }
    const [from, to] = [low ?? '-infinity', high ?? 'infinity']
    low = null
    high = null
    const goal = wanted
    while (vector.some((p, i) => p < (goal[i] as number))) {
      const upto = vector.map((p, i) => Math.min(goal[i] as number, p + step))
      if (members.size > 0) {
        const byClass = new Map<string, Member[]>()
        const majors: Record<string, number[]> = {}
        for (const m of members) {
          const list = byClass.get(m.classId)
          if (list) list.push(m)
          else byClass.set(m.classId, [m])
          const { category, major } = m.wish
          if (category && major !== undefined && !majors[category]?.includes(major))
            majors[category] = [...(majors[category] ?? []), major]
        }
        let rows: FanoutRow[]
        try {
          rows = await read.fanout(vector, upto, [...byClass.keys()], from, to, majors)
        } catch (e) {
          blind = true
          throw e
        }
        deliver(rows, vector, byClass)
      }
      vector = upto
    }
  }

  const deliver = (rows: FanoutRow[], start: Vector, byClass: Map<string, Member[]>): void => {
    const at = [...start]
    for (const row of rows) {
      at[row.shard] = Number(row.position)
      const event = eventOf(row, at)
      for (const classId of row.classes) {
        for (const member of byClass.get(classId) ?? []) hand(member, event)
      }
    }
  }

  const hand = (member: Member, event: LiveEvent): void => {
    const { category } = member.wish
    if (category != null && category !== event.category) return
    if (member.targets !== null && !member.targets.has(event.target)) return
    if (member.held === null) member.push(event)
    else if (member.held.push(event) > mostHeld) {
      members.delete(member)
      member.end(new TmiError('TM400', 'The past is too long to be caught up with at this rate.'))
    }
  }

  /** What a client missed, read for it alone, then what was held meanwhile. */
  const catchUp = async (member: Member, since: Vector): Promise<void> => {
    let at = since
    const { category, major } = member.wish
    const majors = category && major !== undefined ? { [category]: [major] } : {}
    while (members.has(member) && at.some((p, i) => p < (member.until[i] as number))) {
      const upto = at.map((p, i) => Math.max(p, Math.min(member.until[i] as number, p + step)))
      const { classId } = member
      const rows = await read.fanout(at, upto, [classId], '-infinity', 'infinity', majors)
      // Access changed while it was read: read it again.
      if (classId !== member.classId) continue
      if (members.has(member)) deliver(rows, at, new Map([[classId, [{ ...member, held: null }]]]))
      at = upto
    }
    if (!members.has(member)) return
    const held = member.held ?? []
    member.held = null
    for (const event of held) member.push(event)
  }

  /** Who it is now and what that one may see. */
  const lookUp = async ({ wish }: Pick<Member, 'wish'>): Promise<string> => {
    if (wish.caller !== undefined) wish.identity = await access.identify(wish.caller)
    return await read.classOf(wish.identity)
  }

  const recheck = async (): Promise<void> => {
    let isSure = true
    for (const member of [...members]) {
      try {
        member.classId = await lookUp(member)
        // What is held was cut to what could be seen before.
        if (member.held !== null) Object.assign(member, { held: [], until: vector })
      } catch (e) {
        if (!isShutOut(e)) {
          isSure = false
          continue
        }
        members.delete(member)
        member.end(e as TmiError)
      }
    }
    if (!isSure && !closed) setTimeout(() => void inTurn(recheck).catch(() => {}), 300).unref()
  }

  const offChange = access.onChange(() => {
    changes++
    void inTurn(recheck).catch(() => {})
  })
  const listening = await listenTo(
    url,
    ['obs'],
    (payload) => {
      const [from, to, places] = payload.split(' ')
      if (from === undefined || to === undefined || places === undefined) {
        blind = true
        return wake()
      }
      if (low === null || from < low) low = low === '-infinity' ? low : from
      if (high === null || to > high) high = high === 'infinity' ? high : to
      const next = [...wanted]
      for (const place of places.split(',')) {
        const [shard, position] = place.split(':').map(Number) as [number, number]
        next[shard] = Math.max(next[shard] as number, position)
      }
      wanted = next
      wake()
    },
    () => {
      blind = true
      wake()
    },
  )
  // What was committed between reading the heads and listening.
  blind = true
  wake()

  const hub: Hub = {
    async attach(wish, listener) {
      const since = wish.since == null ? null : decodeCursor(wish.since)
      const known = changes
      const own = { ...wish }
      const member: Member = {
        ...listener,
        wish: own,
        // The door may have asked long ago.
        classId: await lookUp({ wish: own }),
        targets: wish.targets == null ? null : new Set(wish.targets),
        held: since === null ? null : [],
        until: [],
      }
      const start = await inTurn(async () => {
        // Who is not among the members yet was not told; what changes from here on is told in a later turn.
        if (known !== changes) member.classId = await lookUp(member)
        member.until = vector
        members.add(member)
        return vector
      })
      if (since !== null) {
        catchUp(member, since).catch((e: unknown) => {
          members.delete(member)
          member.end(new TmiError('TM401', undefined, { cause: e }))
        })
      }
      return { cursor: encodeCursor(since ?? start), detach: () => members.delete(member) }
    },
    subscribe: (wish) => iterate(hub, wish),
    changes: () => changes,
    status: () => ({
      listeners: members.size,
      classes: new Set([...members].map((m) => m.classId)).size,
      cursor: encodeCursor(vector),
    }),
    async [Symbol.asyncDispose]() {
      closed = true
      offChange()
      await listening[Symbol.asyncDispose]()
      for (const member of members) member.end(new TmiError('TM401', 'The server is stopping.'))
      members.clear()
      await turn.catch(() => {})
      await pool.end()
    },
  }
  return hub
}

function eventOf(row: FanoutRow, at: Vector): LiveEvent {
  const cursor = encodeCursor(at)
  let text: string | null = null
  let parsed: { version: string; ts: string } | null = null
  const read = () => (parsed ??= JSON.parse(`{${row.tail}`) as { version: string; ts: string })
  return {
    cursor,
    shard: row.shard,
    position: at[row.shard] as number,
    category: row.category,
    target: row.target,
    tail: row.tail,
    get text() {
      return (text ??= `{"type":"event","cursor":"${cursor}",${row.tail}`)
    },
    get version() {
      return read().version
    },
    get ts() {
      return read().ts
    },
    row: (major) => row.typed?.[major] ?? null,
  }
}

/** At most so many events wait for a GraphQL client; then its stream ends and it comes back with its cursor. */
const mostWaiting = 10_000

function typed(event: LiveEvent, major: number | undefined): TypedEvent {
  const { cursor, category, version, target, ts } = event
  return { cursor, category, version, target, ts, row: major === undefined ? null : event.row(major) }
}

function iterate(hub: Hub, wish: Wish): AsyncIterableIterator<TypedEvent> {
  const queue: LiveEvent[] = []
  let wake: (() => void) | null = null
  let failed: Error | null = null
  let done = false
  const attached = hub.attach(wish, {
    push(event) {
      if (wish.passes && !wish.passes(typed(event, wish.major))) return
      if (queue.length >= mostWaiting) this.end(new TmiError('TM400', 'The client reads too slowly; come back with since.'))
      else queue.push(event)
      wake?.()
    },
    end(why) {
      failed = why
      // What it may not have any more it does not get, though it was waiting.
      if (isShutOut(why)) queue.length = 0
      wake?.()
    },
  })
  attached.catch((e: unknown) => {
    failed = e as Error
    wake?.()
  })
  const finish = async (): Promise<IteratorResult<TypedEvent>> => {
    done = true
    wake?.()
    await attached.then((a) => a.detach()).catch(() => {})
    return { done: true, value: undefined }
  }
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    async next() {
      for (;;) {
        const event = queue.shift()
        if (event !== undefined && !done) return { done: false, value: typed(event, wish.major) }
        if (failed && !done) {
          const e = failed
          await finish()
          throw e
        }
        if (done) return { done: true, value: undefined }
        await new Promise<void>((resolve) => {
          wake = resolve
        })
        wake = null
      }
    },
    return: finish,
    throw: finish,
  }
}
