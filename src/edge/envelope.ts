// SPDX-License-Identifier: MIT
// What a WebSocket message says about itself beside its readings. Only the keys of its top level are looked at; what is not a
// reading's is blanked in place, so that the gate gets the readings' own bytes, and the bytes it complains of are the sender's.
import { isUtf8 } from 'node:buffer'
import { errorTable, TmiError } from '../base/errors.ts'
import { literal, skip } from './skip.ts'

export interface Envelope {
  category: string
  target: string | null
  /** Of the whole message, if it is a batch. */
  mid: string | null
  body: Buffer
}

/** A message's top level, or why it is no object. */
export type Members = Member[] | TmiError

interface Member {
  name: string
  keyFrom: number
  from: number
  to: number
  /** The comma before it, and the one behind it; -1 where there is none. */
  commaBefore: number
  commaBehind: number
}

const names = new Set(['category', 'target', 'mid', 'readings'])
const longestName = Math.max(...[...names].map((name) => name.length))
const mostMidBytes = 120
const mostEchoBytes = 300

/** The message id as it is written, for the answer: a string or a number of a message's top level, else null. */
export function writtenMid(message: Buffer, members: Members): string | null {
  const mid = Array.isArray(members) ? members.find((m) => m.name === 'mid') : undefined
  if (mid === undefined || mid.to - mid.from > mostEchoBytes) return null
  const c = message[mid.from]!
  return c === 0x22 || c === 0x2d || (c >= 0x30 && c <= 0x39) ? message.toString('utf8', mid.from, mid.to) : null
}

/** {"category":"sensor", and a reading} or {"category":"sensor","readings":[…]}, with target and mid for all of them. */
export function readEnvelope(message: Buffer, members: Members): Envelope {
  if (!Array.isArray(members)) throw members
  const found = new Map<string, Member>()
  for (const member of members) {
    if (!names.has(member.name)) continue
    if (found.has(member.name)) throw new TmiError('TM210', `A key appears twice (byte ${member.keyFrom}).`)
    found.set(member.name, member)
  }
  const category = categoryOf(message, found.get('category'))
  const readings = found.get('readings')
  if (readings === undefined) {
    blank(message, found.get('category') as Member)
    return { category, target: null, mid: null, body: message }
  }
  const beside = members.find((m) => !names.has(m.name))
  if (beside !== undefined) {
    throw new TmiError('TM215', `There are keys beside "readings" (byte ${beside.keyFrom}).`, {
      hint: 'A batch has "category", "readings" and, for all of them, "target" and "mid".',
    })
  }
  if (message[readings.from] !== 0x5b) throw new TmiError('TM202', `"readings" is an array (byte ${readings.from}).`)
  const envelope = { category, target: targetOf(message, found.get('target')), mid: midOf(message, found.get('mid')) }
  message.fill(0x20, 0, readings.from)
  message.fill(0x20, readings.to)
  return { ...envelope, body: message }
}

function categoryOf(b: Buffer, member: Member | undefined): string {
  if (member === undefined) {
    throw new TmiError('TM104', 'The message names no category.', {
      hint: 'Put it into "category", or open /ws/in/{category}.',
    })
  }
  if (b[member.from] !== 0x22) throw new TmiError('TM104')
  return JSON.parse(b.toString('utf8', member.from, member.to)) as string
}

function targetOf(b: Buffer, member: Member | undefined): string | null {
  if (member === undefined || literal(b, member.from, member.to) === 4) return nullOr(b, member, 'TM105')
  const c = b[member.from]!
  if (c === 0x22) return JSON.parse(b.toString('utf8', member.from, member.to)) as string
  if (c === 0x2d || (c >= 0x30 && c <= 0x39)) return b.toString('latin1', member.from, member.to)
  throw new TmiError('TM105')
}

function midOf(b: Buffer, member: Member | undefined): string | null {
  if (member === undefined || literal(b, member.from, member.to) === 4) return nullOr(b, member, 'TM214')
  const written = b.toString('utf8', member.from, member.to)
  const mid = written.startsWith('"') ? (JSON.parse(written) as string) : /^-?\d+$/.test(written) ? written : ''
  if (mid === '' || Buffer.byteLength(mid) > mostMidBytes) throw new TmiError('TM214')
  return mid
}

/** null says that the sender has none; true, of the same length, says nothing. */
function nullOr(b: Buffer, member: Member | undefined, code: 'TM105' | 'TM214'): null {
  if (member !== undefined && b[member.from] !== 0x6e) throw new TmiError(code)
  return null
}

/** JSON does not mind spaces, so a member goes without its bytes being moved; with it one comma. */
function blank(b: Buffer, member: Member): void {
  const { keyFrom, to, commaBefore, commaBehind } = member
  if (commaBefore >= 0) b.fill(0x20, commaBefore, to)
  else b.fill(0x20, keyFrom, commaBehind < 0 ? to : commaBehind + 1)
}

/** The members of the message's one object. */
export function membersOf(b: Buffer): Members {
  const end = b.length
  const broken = (at: number): TmiError => {
    if (!isUtf8(b)) return new TmiError('TM209')
    const code = b[at] === 0 ? 'TM208' : 'TM201'
    return new TmiError(code, `${errorTable[code].sentence.slice(0, -1)} (byte ${at}).`)
  }
  const hasMark = end >= 3 && b[0] === 0xef && b[1] === 0xbb && b[2] === 0xbf
  let i = space(b, hasMark ? 3 : 0)
  if (i >= end || b[i] !== 0x7b) {
    const to = skip(b, i, end)
    if (to < 0) return broken(-1 - to)
    return new TmiError('TM202', undefined, {
      hint: 'Here a message is an object with "category"; arrays are taken at /ws/in/{category}, or in "readings".',
    })
  }
  const members: Member[] = []
  let commaBefore = -1
  i = space(b, i + 1)
  if (b[i] === 0x7d) return members
  for (;;) {
    if (i >= end || b[i] !== 0x22) return broken(i)
    const keyTo = skip(b, i, end)
    if (keyTo < 0) return broken(-1 - keyTo)
    const colon = space(b, keyTo)
    if (colon >= end || b[colon] !== 0x3a) return broken(colon)
    const from = space(b, colon + 1)
    const to = skip(b, from, end)
    if (to < 0) return broken(-1 - to)
    const member = { name: nameOf(b, i, keyTo), keyFrom: i, from, to, commaBefore, commaBehind: -1 }
    members.push(member)
    i = space(b, to)
    if (i < end && b[i] === 0x7d) break
    if (i >= end || b[i] !== 0x2c) return broken(i)
    member.commaBehind = i
    commaBefore = i
    i = space(b, i + 1)
  }
  i = space(b, i + 1)
  return i < end ? broken(i) : members
}

/** The name if it may be one of ours, spelled with escapes or without; else ''. */
function nameOf(b: Buffer, from: number, to: number): string {
  if (to - from > longestName * 6 + 2) return ''
  const written = b.toString('latin1', from, to)
  return written.includes('\\') ? (JSON.parse(b.toString('utf8', from, to)) as string) : written.slice(1, -1)
}

function space(b: Buffer, i: number): number {
  while (i < b.length) {
    const c = b[i]!
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
    i++
  }
  return i
}
