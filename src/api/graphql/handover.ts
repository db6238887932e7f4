// SPDX-License-Identifier: MIT
// Open subscriptions follow the schema. An operation holds on to the schema it was planned on (some 55 MB at 200 views), so one
// subscription a rebuild would keep them all. When a new schema is there, each operation is planned again on it and goes on where it
// stood: the events still come from the same place in the hub, which never notices. Socket and operation stay; nothing is lost or
// repeated. Where the document does not fit any more, its last message says why.
import type { GrafservBase } from 'postgraphile/grafserv'
import { type ExecutionArgs, type ExecutionResult, GraphQLError } from 'postgraphile/graphql'
import { pacer } from './slices.ts'
import type { LiveRow, LiveSource, LiveTopic } from './subscriptions.ts'

type Subscribe = (args: ExecutionArgs) => unknown
type Results = AsyncIterableIterator<ExecutionResult>
/** What graphql-ws keeps for as long as the operation runs. */
type Operation = ExecutionArgs & { requestContext?: never; execute?: unknown; subscribe?: unknown }

export interface Handover {
  subscribe(args: ExecutionArgs, subscribe: Subscribe): Promise<unknown>
  /** Moves every open subscription to the schema that is served now, a few at a time. */
  moveAll(): Promise<void>
}

const handovers = new WeakMap<GrafservBase, Handover>()

export function handoverOf(serv: GrafservBase): Handover {
  let handover = handovers.get(serv)
  if (!handover) handovers.set(serv, (handover = makeHandover(serv)))
  return handover
}

function makeHandover(serv: GrafservBase): Handover {
  const open = new Set<Shared>()

  /** The operation's own objects are changed, since its socket keeps them. */
  async function replan(args: Operation): Promise<ExecutionResult | null> {
    const next = await serv.getExecutionConfig(args.requestContext as never)
    const { errors, document } = next.parseAndValidate(args.document.loc?.source.body ?? '')
    if (errors) return { errors }
    Object.assign(args, { schema: next.schema, document, execute: next.execute, subscribe: next.subscribe })
    return null
  }
  const isLive = (result: unknown): result is Results => typeof (result as Results | null)?.[Symbol.asyncIterator] === 'function'

  return {
    async subscribe(args, subscribe) {
      const context = args.contextValue as { hub?: LiveSource }
      if (!context.hub) return await subscribe(args)
      const shared = share(context.hub)
      args.contextValue = { ...context, hub: shared }
      const first = await subscribe(args)
      if (!isLive(first)) return first
      let results: Results = first
      let isOver = false
      const end = async () => {
        isOver = true
        open.delete(shared)
        await shared.end()
      }
      open.add(shared)
      const whole: AsyncIterableIterator<ExecutionResult> = {
        [Symbol.asyncIterator]: () => whole,
        async next() {
          while (!isOver) {
            const result = await results.next()
            if (!result.done) return result
            if (isOver || !shared.isMoving()) break
            const refused = await again().catch((e: Error) => ({ errors: [new GraphQLError(e.message, { originalError: e })] }))
            if (!refused) continue
            await end()
            return { done: false, value: refused }
          }
          await end()
          return { done: true, value: undefined }
        },
        async return() {
          await end()
          await results.return?.()
          return { done: true, value: undefined }
        },
      }
      /** What is said instead when it cannot go on. */
      async function again(): Promise<ExecutionResult | null> {
        const problem = await replan(args as Operation)
        if (problem) return problem
        shared.arrive()
        const next = await subscribe(args)
        if (!isLive(next)) return next as ExecutionResult
        results = next
        // It was closed in the meantime.
        if (isOver) await next.return?.()
        return null
      }
      return whole
    },
    async moveAll() {
      const pause = pacer()
      for (const shared of [...open]) {
        shared.move()
        await pause()
      }
    },
  }
}

interface Shared extends LiveSource {
  /** Ends the events for the one who reads them now, between two of them; the next who asks goes on there. */
  move(): void
  isMoving(): boolean
  arrive(): void
  end(): Promise<void>
}

/** One subscription of the hub, for one reader after the other. */
function share(hub: LiveSource): Shared {
  const over: IteratorReturnResult<undefined> = { done: true, value: undefined }
  type Next = IteratorResult<LiveRow>
  let events: AsyncIterator<LiveRow> | null = null
  let isAsked = false
  let isMoving = false
  let waiting: { resolve(next: Next): void; reject(e: unknown): void } | null = null
  /** Came when nobody was waiting: for the next reader. */
  let held: (() => Next) | null = null

  function ask(from: AsyncIterator<LiveRow>): void {
    if (isAsked) return
    isAsked = true
    const give = (come: () => Next) => {
      isAsked = false
      const reader = waiting
      waiting = null
      if (!reader) held = come
      else
        try {
          reader.resolve(come())
        } catch (e) {
          reader.reject(e)
        }
    }
    from.next().then(
      (next) => give(() => next),
      (e: unknown) =>
        give(() => {
          throw e
        }),
    )
  }

  async function end(): Promise<void> {
    await events?.return?.()
  }

  return {
    subscribe(topic: LiveTopic) {
      events ??= hub.subscribe(topic)
      const from = events
      let isLeft = false
      const reader: AsyncIterableIterator<LiveRow> = {
        [Symbol.asyncIterator]: () => reader,
        async next() {
          isLeft ||= isMoving
          if (isLeft) return over
          const come = held
          held = null
          if (come) return come()
          const next = Promise.withResolvers<Next>()
          waiting = next
          ask(from)
          const event = await next.promise
          isLeft = event === over
          return event
        },
        async return() {
          if (!isLeft) await end()
          return over
        },
      }
      return reader
    },
    move() {
      isMoving = true
      waiting?.resolve(over)
      waiting = null
    },
    isMoving: () => isMoving,
    arrive() {
      isMoving = false
    },
    end,
  }
}
