// SPDX-License-Identifier: MIT
// The time of a reading as whole microseconds since 1970, from RFC 3339 or from an epoch number whose unit its size tells.
// It is read from bytes because the gate has bytes: no string and no Date is made.

/** Year 0 to the end of 9999: what a four-digit year can say. Nanoseconds since 1970 fall outside and are refused. */
const leastMicros = -62_167_219_200_000_000
const mostMicros = 253_402_300_800_000_000
/** Below this many it is seconds (until the year 5138), */
const mostSeconds = 1e11
/** below this many milliseconds (until 5138), and from there on microseconds (from 1973). */
const mostMillis = 1e14
const monthDays = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

/** Microseconds since 1970, or null where the value is no time. Beyond 2^53 (the year 2255) to the next double. */
export function epochMicros(value: string | number): number | null {
  const text = Buffer.from(String(value), 'latin1')
  const micros = microsOf(text, 0, text.length)
  return Number.isNaN(micros) ? null : micros
}

/** The same from the bytes start..end; NaN where they are no time, so that the result stays an unboxed number. */
export function microsOf(b: Uint8Array, start: number, end: number): number {
  const isDate = end - start >= 20 && b[start + 4] === 0x2d && isDigit(b[start]!)
  const micros = isDate ? microsOfDate(b, start, end) : microsOfCount(b, start, end)
  return micros >= leastMicros && micros < mostMicros ? micros : Number.NaN
}

function microsOfDate(b: Uint8Array, i: number, end: number): number {
  const year = pair(b, i) * 100 + pair(b, i + 2)
  const month = pair(b, i + 5)
  const day = pair(b, i + 8)
  const hour = pair(b, i + 11)
  const minute = pair(b, i + 14)
  const second = pair(b, i + 17)
  const t = b[i + 10]!
  if (b[i + 4] !== 0x2d || b[i + 7] !== 0x2d || b[i + 13] !== 0x3a || b[i + 16] !== 0x3a) return Number.NaN
  if (t !== 0x54 && t !== 0x74 && t !== 0x20) return Number.NaN
  // A pair that is no number is NaN, and every comparison with it is false. Second 60 is a leap second: the next minute.
  if (!(month >= 1 && month <= 12 && day >= 1 && day <= monthDays[month - 1]! && hour < 24 && minute < 60 && second <= 60)) {
    return Number.NaN
  }
  if (month === 2 && day === 29 && !(year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0))) return Number.NaN

  i += 19
  let fraction = 0
  if (b[i] === 0x2e) {
    const from = ++i
    while (i < end && isDigit(b[i]!)) i++
    if (i === from) return Number.NaN
    fraction = fractionOf(b, from, i, 1e6)
  }
  const offset = offsetMinutes(b, i, end)
  const minutes = dayNumber(year, month, day) * 1440 + hour * 60 + minute - offset
  return (minutes * 60 + second) * 1e6 + fraction
}

/** Z, +hh:mm, +hhmm or +hh; NaN without one, for a time of no known zone is no time. */
function offsetMinutes(b: Uint8Array, i: number, end: number): number {
  if (i >= end) return Number.NaN
  const sign = b[i]!
  const length = end - i
  if (sign === 0x5a || sign === 0x7a) return length === 1 ? 0 : Number.NaN
  if (sign !== 0x2b && sign !== 0x2d) return Number.NaN
  let minutes = 0
  if (length === 6 && b[i + 3] === 0x3a) minutes = pair(b, i + 4)
  else if (length === 5) minutes = pair(b, i + 3)
  else if (length !== 3) return Number.NaN
  const hours = pair(b, i + 1)
  if (!(hours < 24 && minutes < 60)) return Number.NaN
  return sign === 0x2b ? hours * 60 + minutes : -(hours * 60 + minutes)
}

function microsOfCount(b: Uint8Array, start: number, end: number): number {
  const isNegative = start < end && b[start] === 0x2d
  const from = isNegative ? start + 1 : start
  let i = from
  let whole = 0
  while (i < end && isDigit(b[i]!)) whole = whole * 10 + (b[i++]! - 0x30)
  if (i === from) return Number.NaN
  let fractionFrom = i
  if (i < end && b[i] === 0x2e) {
    fractionFrom = ++i
    while (i < end && isDigit(b[i]!)) i++
    if (i === fractionFrom) return Number.NaN
  }
  if (i < end) return microsOfExponent(b, start, end, i)
  const scale = whole < mostSeconds ? 1e6 : whole < mostMillis ? 1e3 : 1
  const micros = whole * scale + fractionOf(b, fractionFrom, end, scale)
  return isNegative && micros !== 0 ? -micros : micros
}

/** 1.7e9, as some serialisers write a float. */
function microsOfExponent(b: Uint8Array, start: number, end: number, at: number): number {
  if ((b[at]! | 0x20) !== 0x65 || end - start > 40) return Number.NaN
  const text = String.fromCharCode(...b.subarray(start, end))
  if (!/^[^e]+e[+-]?\d+$/i.test(text)) return Number.NaN
  const value = Number(text)
  const size = Math.abs(value)
  return Math.round(value * (size < mostSeconds ? 1e6 : size < mostMillis ? 1e3 : 1))
}

/** Rounded to the microsecond, as PostgreSQL does: the same text is the same time through every way in. */
function fractionOf(b: Uint8Array, from: number, to: number, scale: number): number {
  if (from === to) return 0
  const last = Math.min(to, from + 15)
  let value = 0
  let unit = 1
  for (let i = from; i < last; i++) {
    value = value * 10 + (b[i]! - 0x30)
    unit *= 10
  }
  return Math.round((value * scale) / unit)
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

function pair(b: Uint8Array, i: number): number {
  const tens = b[i]!
  const ones = b[i + 1]!
  return isDigit(tens) && isDigit(ones) ? (tens - 0x30) * 10 + ones - 0x30 : Number.NaN
}

/** Days since 1970-01-01 in the Gregorian calendar, with years that begin in March so that the leap day is the last. */
function dayNumber(year: number, month: number, day: number): number {
  const y = month <= 2 ? year - 1 : year
  const era = Math.floor(y / 400)
  const yearOfEra = y - era * 400
  const dayOfYear = Math.floor((153 * (month + (month > 2 ? -3 : 9)) + 2) / 5) + day - 1
  return era * 146_097 + yearOfEra * 365 + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100) + dayOfYear - 719_468
}
