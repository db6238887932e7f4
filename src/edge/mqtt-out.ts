// SPDX-License-Identifier: MIT
// What a listener or a person subscribes to: tmi/out/{its name}/{category}/{target}, with + and #. First the last value of each target and
// category that it may see, retained, then each new reading, from exactly there on. The feed is given from outside: it is made of
// the live hub, which this folder does not know.
import type { Subscription } from 'aedes'
import type { Caller } from '../base/caller.ts'
import { TmiError } from '../base/errors.ts'
import { observe } from '../base/observe.ts'
import type { Identity } from '../db/access.ts'
import { isReader } from '../db/pool.ts'
import type { Intake } from './intake.ts'
import { auditDenied, type MqttClient } from './mqtt-client.ts'

export interface Feed {
  /** Hands over what stands, then what comes; resolves when the latter began. */
  follow(wish: FeedWish, reader: FeedReader): Promise<{ stop(): void }>
}

export interface FeedWish {
  identity: Identity
  caller: Caller
  /** Null: all. */
  category: string | null
  targets: string[] | null
}

export interface FeedValue {
  category: string
  target: string
  /** {"category", "version", "target", "ts", "data"} as JSON text. */
  text: string
}

export interface FeedReader {
  /** Of what stands; the next comes when this one is taken. False: no more, please. */
  last(value: FeedValue): Promise<boolean>
  push(value: FeedValue): void
  end(why: TmiError): void
}

const mostFilters = 100
/** A connection that goes on asking for what it may not have is closed: each time is a line in the audit. */
const mostRefusals = 20
/** A client that lets so much pile up is closed; when it comes back it gets the last values again. */
const mostWaiting = 8 * 1024 * 1024

interface Filter {
  levels: string[]
  category: string | null
  targets: string[] | null
}

/** What SUBSCRIBE is answered: null refuses (0x80). */
export async function mayFollow(intake: Intake, client: MqttClient, subscription: Subscription): Promise<Subscription | null> {
  const { identity, following } = client
  if (identity === undefined || !isReader(identity.claims.role)) return null
  const { topic } = subscription
  if (filterOf(topic, identity) !== null && ((following?.size ?? 0) < mostFilters || following?.has(topic))) return subscription
  client.refusals = (client.refusals ?? 0) + 1
  if (client.refusals > mostRefusals) client.close()
  else await auditDenied(intake, client, topic, new TmiError('TM102', 'A listener subscribes to tmi/out/{its own name}/….'))
  return null
}

/** Behind the SUBACK: the values begin. A filter that was there already begins again (3.8.4-3). */
export function follow(feed: Feed, client: MqttClient, topic: string, qos: number): void {
  const identity = client.identity as Identity
  const filter = filterOf(topic, identity)
  if (filter === null) return
  client.following ??= new Map()
  client.following.get(topic)?.stop()
  let stopped = false
  let inner: { stop(): void } | null = null
  client.following.set(topic, {
    stop() {
      stopped = true
      inner?.stop()
    },
  })
  const send = (value: FeedValue, retain: boolean) => {
    const levels = levelsOf(value)
    if (stopped || !matches(filter.levels, levels)) return null
    return write(client, `${prefixOf(identity)}${levels.join('/')}`, value.text, qos > 0 ? 1 : 0, retain)
  }
  const begin = async (): Promise<void> => {
    if (stopped) return
    const { category, targets } = filter
    inner = await feed.follow(
      { identity: client.identity as Identity, caller: client.caller as Caller, category, targets },
      {
        async last(value) {
          await send(value, true)
          return !stopped
        },
        push: (value) => void send(value, false),
        end: () => client.close(),
      },
    )
    if (stopped) inner.stop()
  }
  // It comes back by itself, and finds what it missed in the last values.
  const failed = (e: unknown) => {
    observe({ kind: 'log', level: 'warn', message: `MQTT listener ${identity.name} is closed: ${(e as Error).message}` })
    client.close()
  }
  client.turn = (client.turn ?? Promise.resolve()).then(begin).catch(failed)
}

export function unfollow(client: MqttClient, topics: Iterable<string>): void {
  for (const topic of topics) {
    client.following?.get(topic)?.stop()
    client.following?.delete(topic)
  }
}

/** Resolves when the socket has taken it. */
function write(client: MqttClient, topic: string, payload: string, qos: 0 | 1, retain: boolean): Promise<void> {
  if (client.closed) return Promise.resolve()
  const bytes = topic.length + payload.length
  client.waiting = (client.waiting ?? 0) + bytes
  if (client.waiting > mostWaiting) {
    observe({ kind: 'log', level: 'info', message: `MQTT listener ${client.identity?.name} reads too slowly and is closed` })
    client.close()
    return Promise.resolve()
  }
  return new Promise((resolve) => {
    client.publish({ cmd: 'publish', topic, payload, qos, retain, dup: false }, () => {
      client.waiting = (client.waiting as number) - bytes
      resolve()
    })
  })
}

/** A person's login may be an address with a +. */
function prefixOf({ name }: Identity): string {
  return `tmi/out/${written(name ?? '').replaceAll('/', '%2F')}/`
}

/** + and # may stand in a name and not in a topic that is published to. */
function written(name: string): string {
  return name.replaceAll('+', '%2B').replaceAll('#', '%23')
}

function filterOf(topic: string, identity: Identity): Filter | null {
  const prefix = prefixOf(identity)
  if (!topic.startsWith(prefix)) return null
  const levels = topic.slice(prefix.length).split('/')
  const [category = '', ...rest] = levels
  if (category === '#') return { levels, category: null, targets: null }
  if (rest.length === 0) return null
  const isOpen = rest.some((level) => level === '+' || level === '#')
  return { levels, category: category === '+' ? null : category, targets: isOpen ? null : keysOf(rest.join('/')) }
}

/** The payload says the real key. */
function levelsOf({ category, target }: FeedValue): string[] {
  return [category, ...written(target).split('/')]
}

function keysOf(said: string): string[] {
  const meant = said.replaceAll('%2B', '+').replaceAll('%23', '#')
  return meant === said ? [said] : [said, meant]
}

function matches(filter: string[], levels: string[]): boolean {
  for (let i = 0; i < filter.length; i++) {
    if (filter[i] === '#') return true
    if (i >= levels.length || (filter[i] !== '+' && filter[i] !== levels[i])) return false
  }
  return filter.length === levels.length
}
