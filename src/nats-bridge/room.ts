// SPDX-License-Identifier: MIT
// Whether there is room for more. The ways in are closed before something is full: a stream at nine tenths of its bytes (TM400), a
// volume of the data folder with too little left (TM402); they open again when a good part is free, so that they do not flutter.
// Looked at each second while something comes in, at once after a fiftieth of a stream has been sent, four times a second while closed.
import { statfs } from 'node:fs/promises'
import { join } from 'node:path'
import { leastFree } from '../base/config.ts'
import { TmiError } from '../base/errors.ts'
import { type JetStreamManager, streamCount, streamName } from './streams.ts'

export interface Room extends Disposable {
  /** Why nothing is taken now. */
  refusal(): TmiError | null
  /** Resolves as soon as something is taken. */
  open(): Promise<void>
  /** So much was sent to a stream by this process. */
  sent(stream: number, bytes: number): void
}

const full = { close: 0.9, open: 0.8 }
const lookEveryMs = 1000
const volumes = ['', 'nats', 'postgres']
const openAgain = 1.25
/** What JetStream keeps beside the bytes of a message: subject, headers, sequence. */
const besides = 120

export function openRoom(manager: JetStreamManager, disk?: { dataDir: string; minFree: number | null }): Room {
  const streams = Array.from({ length: streamCount }, () => ({ bytes: 0, max: Number.POSITIVE_INFINITY }))
  let closed: TmiError | null = null
  let waiting: (() => void)[] = []
  let since = 0
  let looked = 0
  let looking = false

  /** Above its limit; while closed, above the lower one. */
  const isFull = (): boolean => streams.some((s) => s.bytes > s.max * (closed?.code === 'TM400' ? full.open : full.close))
  const close = (code: 'TM400' | 'TM402', message?: string): void => {
    if (closed?.code !== code) closed = new TmiError(code, message)
  }

  const look = async (): Promise<void> => {
    looking = true
    looked = Date.now()
    try {
      const isLow = disk !== undefined && (await anyLow(disk, closed?.code === 'TM402'))
      since = 0
      await Promise.all(
        streams.map(async (stream, i) => {
          const { state, config } = await manager.streams.info(streamName(i))
          stream.bytes = state.bytes
          stream.max = config.max_bytes > 0 ? config.max_bytes : Number.POSITIVE_INFINITY
        }),
      ).catch((e: unknown) => {
        // While JetStream is away the last figures stand; what is known of the disk counts.
        if (!isLow && closed !== null) throw e
      })
      if (isLow) close('TM402')
      else if (isFull()) close('TM400', 'The streams are full.')
      else {
        closed = null
        for (const go of waiting.splice(0)) go()
      }
    } catch {
      // Looked at again soon.
    } finally {
      looking = false
    }
  }
  let ticks = 0
  const timer = setInterval(() => {
    ticks++
    if (looking) return
    const isDue = since > 0 && Date.now() - looked >= lookEveryMs
    // An idle instance still watches its disk, for the first reading that comes.
    if (closed !== null || isDue || ticks % 8 === 0) void look()
  }, 250)
  timer.unref()
  void look()

  return {
    refusal: () => closed,
    open: () => (closed === null ? Promise.resolve() : new Promise((resolve) => waiting.push(resolve))),
    sent(i, bytes) {
      const stream = streams[i]
      if (stream === undefined) return
      stream.bytes += bytes + besides
      since += bytes + besides
      if (closed === null && isFull()) close('TM400', 'The streams are full.')
      else if (since > stream.max * 0.02 && !looking) void look()
    },
    [Symbol.dispose]() {
      clearInterval(timer)
      for (const go of waiting.splice(0)) go()
      waiting = []
    },
  }
}

async function anyLow(disk: { dataDir: string; minFree: number | null }, isClosed: boolean): Promise<boolean> {
  for (const volume of volumes) {
    const { bavail, bsize, blocks } = await statfs(join(disk.dataDir, volume)).catch(() => ({ bavail: 1, bsize: 0, blocks: 0 }))
    if (bsize === 0) continue
    const least = disk.minFree ?? leastFree(blocks * bsize)
    if (bavail * bsize < least * (isClosed ? openAgain : 1)) return true
  }
  return false
}
