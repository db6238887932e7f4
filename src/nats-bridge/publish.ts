// SPDX-License-Identifier: MIT
// Group commit: readings that arrive while a frame is under way travel together in the next one of their stream, and each sender is
// acknowledged when its frames are fsynced. Every publish costs JetStream an fsync; grouped, 39,000 readings/s are as durable as 6,500
// are one by one (50 MQTT clients). One frame of a stream is under way at a time, so order is kept; the streams do not wait for each
// other (64 senders of single readings: 20,100/s, in common rounds 18,900/s with 29 instead of 19 % of two cores idle).
import { TmiError } from '../base/errors.ts'
import { sleep } from '../base/retry.ts'
import { FrameBuilder, type Refused, type Row } from './frame.ts'
import type { Room } from './room.ts'
import { openSender } from './send.ts'
import { shardOf } from './shard.ts'
import { type NatsConnection, streamCount, streamOf, streamSubject } from './streams.ts'

export interface Publisher extends AsyncDisposable {
  /**
   * Resolves when all rows are on disk; TM400 if too much is in flight, TM401 if JetStream stays away, TM402 if the disk is almost
   * full. at, if given, is told the sequence in each stream that holds some of them.
   */
  publish(rows: Row[], at?: Places): Promise<void>
  /** Keeps a message that had to be acknowledged although it cannot be stored. */
  refuse(refused: Refused): Promise<void>
  /** Resolves as soon as there is room for more; for ways in that can wait instead of refuse. */
  room?(): Promise<void>
}

/** By stream: the sequence up to which it has to be stored. */
export type Places = number[]

/** A frame is closed at this size; one reading of 1 MB more still fits NATS's max_payload of 8 MB. */
const frameBytes = 256 * 1024
/** All that waits in this process; beyond it senders are told to come again. */
const mostBytes = 64 * 1024 * 1024

/** Few senders are not kept waiting; many are, at most so long. */
const manySenders = 16
const gatherMs = 2
const mostOfThem = 0.8
const nobody = { enough: Number.POSITIVE_INFINITY, go() {} }
const noWait = Promise.resolve()

interface Batch {
  frame: FrameBuilder
  waiting: Waiter[]
}

interface Waiter {
  left: number
  at: Places | undefined
  resolve(): void
  reject(e: Error): void
}

interface Lane {
  stream: number
  subject: string
  queue: Batch[]
  /** A frame is under way, or gathers. */
  busy: boolean
  together: { enough: number; go(): void }
}

export function openPublisher(nc: NatsConnection, room?: Room): Publisher {
  const sender = openSender(nc, room?.refusal)
  const lanes: Lane[] = Array.from({ length: streamCount }, (_, stream) => ({
    stream,
    subject: streamSubject(stream),
    queue: [],
    busy: false,
    together: nobody,
  }))
  let bytesInFlight = 0
  let line: Promise<void> | null = null
  const untilRoom = async (): Promise<void> => {
    for (;;) {
      await room?.open()
      if (bytesInFlight <= mostBytes && (room?.refusal() ?? null) === null) return
      await sleep(20)
    }
  }

  const send = async ({ stream, subject }: Lane, batch: Batch): Promise<void> => {
    const bytes = batch.frame.bytes
    try {
      const data = batch.frame.encode()
      room?.sent(stream, data.length)
      const seq = await sender.send(subject, data)
      for (const w of batch.waiting) {
        if (w.at !== undefined) w.at[stream] = seq
        if (--w.left === 0) w.resolve()
      }
    } catch (e) {
      for (const w of batch.waiting) w.reject(e as Error)
    } finally {
      bytesInFlight -= bytes
    }
  }

  const flush = async (lane: Lane): Promise<void> => {
    for (let batch = lane.queue.shift(); batch !== undefined; batch = lane.queue.shift()) {
      const senders = batch.waiting.length
      await send(lane, batch)
      if (senders >= manySenders && lane.queue.length <= 1) await gather(lane, senders)
    }
    lane.busy = false
  }

  /** Those who were just acknowledged send again in a moment: a frame that waits for most of them holds 26 rows instead of 14. */
  const gather = (lane: Lane, senders: number): Promise<void> | undefined => {
    const here = lane.queue[0]?.waiting.length ?? 0
    const enough = (senders + here) * mostOfThem
    if (here >= enough) return
    return new Promise((resolve) => {
      const timer = setTimeout(() => lane.together.go(), gatherMs)
      lane.together = {
        enough,
        go() {
          clearTimeout(timer)
          lane.together = nobody
          resolve()
        },
      }
    })
  }

  /** The batch that takes more, telling the waiter to wait for it too. */
  const batchOf = (lane: Lane, waiter: Waiter): Batch => {
    let batch = lane.queue[lane.queue.length - 1]
    if (batch === undefined || batch.frame.bytes >= frameBytes) {
      batch = { frame: new FrameBuilder(), waiting: [] }
      lane.queue.push(batch)
      if (!lane.busy) {
        lane.busy = true
        // What arrives in the same turn of the event loop joins the first frame.
        setImmediate(() => void flush(lane))
      }
    }
    if (batch.waiting[batch.waiting.length - 1] !== waiter) {
      waiter.left++
      if (batch.waiting.push(waiter) >= lane.together.enough) lane.together.go()
    }
    return batch
  }

  const enqueue = (fill: (waiter: Waiter) => void, at?: Places): Promise<void> => {
    const refusal = bytesInFlight > mostBytes ? new TmiError('TM400') : room?.refusal()
    if (refusal) return Promise.reject(refusal)
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { left: 0, at, resolve, reject }
      fill(waiter)
      if (waiter.left === 0) resolve()
    })
  }

  return {
    publish(rows, at) {
      return enqueue((waiter) => {
        for (const row of rows) {
          bytesInFlight += batchOf(lanes[streamOf(shardOf(row.target))] as Lane, waiter).frame.add(row)
        }
      }, at)
    },
    refuse(refused) {
      return enqueue((waiter) => {
        bytesInFlight += batchOf(lanes[streamOf(refused.shard)] as Lane, waiter).frame.refuse(refused)
      })
    },
    room() {
      // All who wait stand in one line, or a message would overtake an earlier one of its sender.
      if (line === null && (room?.refusal() ?? null) === null && bytesInFlight <= mostBytes) return noWait
      line ??= untilRoom().then(() => {
        line = null
      })
      return line
    },
    async [Symbol.asyncDispose]() {
      while (lanes.some((lane) => lane.busy)) await sleep(10)
      await sender[Symbol.asyncDispose]()
    },
  }
}
