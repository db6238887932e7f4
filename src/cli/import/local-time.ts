// SPDX-License-Identifier: MIT
// Times as files write them, as RFC 3339 in UTC. A local time without its offset needs a time zone; an hour that the clock shows twice
// is the first of the two, an hour that it leaves out is read with the offset before it, as Temporal and Java do.

export interface TimeReader {
  /** RFC 3339, or null where it is no time. */
  read(text: string): string | null
}

const digits = /^-?\d+(\.\d+)?$/
const counted = /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/
const epochPlaces: Record<string, number> = { s: 0, ms: 3, us: 6, ns: 9 }
const zoned = /^\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d:\d\d(\.\d+)?([Zz]|[+-]\d\d(:?\d\d)?)$/
const naive = /^(\d{4})-(\d\d)-(\d\d)(?:[Tt ](\d\d):(\d\d)(?::(\d\d)(?:[.,](\d+))?)?)?$/
const monthNames = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec']

export function isNaive(text: string): boolean {
  return naive.test(text)
}

/** format: rfc3339 or auto, s, ms, us, ns, or a pattern such as "%d.%m.%Y %H:%M:%S". Throws RangeError with what is wrong with it. */
export function timeReader(format: string, zone: string | undefined): TimeReader {
  const toUtc = zone === undefined ? null : zoneReader(zone)
  if (format === 'auto' || format === 'rfc3339') {
    return {
      read(text) {
        if (zoned.test(text) || (format === 'auto' && counted.test(text))) return text
        const m = toUtc === null ? null : naive.exec(text)
        if (!m) return null
        const [, y, mo, d, h = '0', mi = '0', s = '0', f = ''] = m
        return utc([+(y ?? 0), +(mo ?? 0), +(d ?? 0), +h, +mi, +s], f, toUtc)
      },
    }
  }
  if (epochPlaces[format] !== undefined) return { read: (text) => (digits.test(text) ? fromEpoch(text, format) : null) }
  if (!format.includes('%'))
    throw new RangeError(`"${format}" is no time format: say rfc3339, s, ms, us, ns or a pattern such as "%d.%m.%Y %H:%M:%S".`)
  return patternReader(format, toUtc)
}

type Parts = [number, number, number, number, number, number]

/** Milliseconds that the clock shows, to milliseconds of UTC. */
type ToUtc = (local: number) => number

function utc(parts: Parts, fraction: string, toUtc: ToUtc | null, offsetMinutes?: number): string | null {
  const [y, mo, d, h, mi, s] = parts
  const local = Date.UTC(y, mo - 1, d, h, mi, Math.min(s, 59))
  const check = new Date(local)
  if (h > 23 || mi > 59 || s > 60 || check.getUTCMonth() !== mo - 1 || check.getUTCDate() !== d) return null
  const leap = s === 60 ? 1000 : 0
  if (offsetMinutes !== undefined) return rfc3339(local + leap - offsetMinutes * 60_000, fraction)
  return toUtc === null ? null : rfc3339(toUtc(local) + leap, fraction)
}

function rfc3339(ms: number, fraction: string): string | null {
  const year = new Date(ms).getUTCFullYear()
  if (!(year >= 0 && year <= 9999)) return null
  return `${new Date(ms).toISOString().slice(0, 19)}${fraction === '' ? '' : `.${fraction.slice(0, 9)}`}Z`
}

/** Exactly: the text is moved as text, for 2^53 nanoseconds are only 104 days. */
function fromEpoch(text: string, unit: string): string | null {
  const places = epochPlaces[unit] ?? 0
  const isNegative = text.startsWith('-')
  const [whole = '', rest = ''] = (isNegative ? text.slice(1) : text).split('.')
  const padded = whole.padStart(places + 1, '0')
  let seconds = Number(padded.slice(0, padded.length - places))
  let fraction = (padded.slice(padded.length - places) + rest).slice(0, 9).padEnd(9, '0')
  if (places === 0) fraction = rest.slice(0, 9).padEnd(9, '0')
  if (isNegative) {
    const nanos = Number(fraction)
    seconds = nanos === 0 ? -seconds : -seconds - 1
    fraction = nanos === 0 ? fraction : String(1e9 - nanos).padStart(9, '0')
  }
  const short = fraction.slice(0, 6).replace(/0+$/, '')
  return Number.isSafeInteger(seconds * 1000) ? rfc3339(seconds * 1000, short) : null
}

function patternReader(pattern: string, toUtc: ToUtc | null): TimeReader {
  const parts: string[] = []
  const forms: Record<string, string> = {
    Y: '(\\d{4})', y: '(\\d\\d)', m: '(\\d\\d?)', d: '(\\d\\d?)', e: '(\\d\\d?)', H: '(\\d\\d?)', I: '(\\d\\d?)', M: '(\\d\\d?)', S: '(\\d\\d?)',
    f: '(\\d{1,9})', b: '([A-Za-z]{3,9})\\.?', B: '([A-Za-z]{3,9})', p: '([AaPp])\\.?[Mm]\\.?', z: '([Zz]|[+-]\\d\\d:?\\d\\d)',
  } // biome-ignore format: a table
  const source = pattern.replace(/%(.)|[.*+?^${}()|[\]\\]/g, (said, letter: string | undefined) => {
    if (letter === undefined) return `\\${said}`
    if (letter === '%') return '%'
    const form = forms[letter]
    if (form === undefined)
      throw new RangeError(`%${letter} is not known in a time format; there are %Y %y %m %d %H %I %M %S %f %p %b %B %z.`)
    parts.push(letter)
    return form
  })
  if (!parts.includes('z') && toUtc === null)
    throw new RangeError(`"${pattern}" has no offset (%z): say --time-zone, such as Europe/Berlin or UTC.`)
  const expression = new RegExp(`^${source}$`)
  return {
    read(text) {
      const m = expression.exec(text)
      if (!m) return null
      const got = new Map(parts.map((letter, i) => [letter, m[i + 1] as string]))
      const n = (letter: string, otherwise: number) => Number(got.get(letter) ?? otherwise)
      const named = (got.get('b') ?? got.get('B'))?.slice(0, 3).toLowerCase()
      const month = named === undefined ? n('m', 1) : monthNames.indexOf(named) + 1
      const short = got.get('y')
      const year = short === undefined ? n('Y', 1970) : Number(short) + (Number(short) < 69 ? 2000 : 1900)
      const half = got.get('p')?.toLowerCase()
      const hour = got.has('I') ? (n('I', 12) % 12) + (half === 'p' ? 12 : 0) : n('H', 0)
      const day = got.has('e') ? n('e', 1) : n('d', 1)
      const offset = got.get('z')
      return utc(
        [year, month, day, hour, n('M', 0), n('S', 0)],
        got.get('f') ?? '',
        toUtc,
        offset === undefined ? undefined : minutesOf(offset),
      )
    },
  }
}

function minutesOf(offset: string): number {
  if (offset === 'Z' || offset === 'z') return 0
  const minutes = Number(offset.slice(1, 3)) * 60 + Number(offset.slice(-2))
  return offset[0] === '-' ? -minutes : minutes
}

const quarter = 15 * 60_000

/** Offsets change on the quarter hour; asking Intl costs some microseconds, so each quarter's answer is kept. */
function zoneReader(zone: string): ToUtc {
  const format = zoneFormat(zone)
  const known = new Map<number, number>()
  const offsetAt = (ms: number): number => {
    const p: Record<string, number> = {}
    for (const { type, value } of format.formatToParts(ms)) p[type] = Number(value)
    const shown = Date.UTC(p.year ?? 0, (p.month ?? 1) - 1, p.day, p.hour, p.minute, p.second)
    return shown - Math.floor(ms / 1000) * 1000
  }
  return (local) => {
    const key = Math.floor(local / quarter)
    let offset = known.get(key)
    if (offset === undefined) {
      const at = key * quarter
      const before = offsetAt(at - 86_400_000)
      const after = offsetAt(at + 86_400_000)
      // The first instant at which the clock shows this; in a gap none does.
      offset = offsetAt(at - before) === before ? before : offsetAt(at - after) === after ? after : before
      if (known.size > 100_000) known.clear()
      known.set(key, offset)
    }
    return local - offset
  }
}

function zoneFormat(zone: string): Intl.DateTimeFormat {
  try {
    return new Intl.DateTimeFormat('en-US', {
      timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
    }) // biome-ignore format: a list
  } catch (cause) {
    throw new RangeError(`"${zone}" is not a time zone: say Europe/Berlin, Asia/Seoul or UTC.`, { cause })
  }
}
