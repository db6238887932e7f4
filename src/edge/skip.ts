// SPDX-License-Identifier: MIT
// Whether bytes are JSON, and nothing else: for what has already been refused for another reason, to find where it ends. It
// has its own stack of one byte a level, so that 10 million brackets cost 10 MB and no call stack.

/** The index behind the value at i, or -1 - (the index of the byte that is wrong). */
export function skip(b: Uint8Array, i: number, end: number): number {
  let stack = new Uint8Array(64)
  let depth = 0
  for (;;) {
    // A value, behind its colon or comma.
    i = space(b, i, end)
    const c = i < end ? b[i]! : 0
    if (c === 0x7b || c === 0x5b) {
      if (depth === stack.length) {
        const larger = new Uint8Array(depth * 2)
        larger.set(stack)
        stack = larger
      }
      stack[depth++] = c + 2 // its closing bracket
      i = space(b, i + 1, end)
      if (i < end && b[i] === c + 2) {
        depth--
        i++
      } else {
        if (c === 0x7b) i = skipKey(b, i, end)
        if (i < 0) return i
        continue
      }
    } else {
      i = skipScalar(b, i, end, c)
      if (i < 0) return i
    }
    // Behind a value: close what closes here, or go on with the next member.
    for (;;) {
      if (depth === 0) return i
      i = space(b, i, end)
      const closing = stack[depth - 1]!
      if (i < end && b[i] === closing) {
        depth--
        i++
        continue
      }
      if (i >= end || b[i] !== 0x2c) return -1 - i
      i = closing === 0x7d ? skipKey(b, space(b, i + 1, end), end) : i + 1
      if (i < 0) return i
      break
    }
  }
}

function skipKey(b: Uint8Array, i: number, end: number): number {
  if (i >= end || b[i] !== 0x22) return -1 - i
  i = skipString(b, i + 1, end)
  if (i < 0) return i
  i = space(b, i, end)
  return i < end && b[i] === 0x3a ? i + 1 : -1 - i
}

function skipScalar(b: Uint8Array, i: number, end: number, c: number): number {
  if (c === 0x22) return skipString(b, i + 1, end)
  if (c === 0x2d || isDigit(c)) return skipNumber(b, i, end)
  const length = literal(b, i, end)
  return length === 0 ? -1 - i : i + length
}

function skipString(b: Uint8Array, i: number, end: number): number {
  while (i < end) {
    const c = b[i]!
    if (c === 0x22) return i + 1
    if (c < 0x20) return -1 - i
    if (c !== 0x5c) i++
    else if (i + 1 < end && isShortEscape(b[i + 1]!)) i += 2
    else if (i + 1 < end && b[i + 1] === 0x75 && hex4(b, i + 2, end) >= 0) i += 6
    else return -1 - i
  }
  return -1 - i
}

function skipNumber(b: Uint8Array, i: number, end: number): number {
  if (b[i] === 0x2d) i++
  i = i < end && b[i] === 0x30 ? i + 1 : digits(b, i, end)
  if (i >= 0 && i < end && b[i] === 0x2e) i = digits(b, i + 1, end)
  if (i < 0 || i >= end || (b[i]! | 0x20) !== 0x65) return i
  i++
  if (i < end && (b[i] === 0x2b || b[i] === 0x2d)) i++
  return digits(b, i, end)
}

/** At least one digit. */
function digits(b: Uint8Array, i: number, end: number): number {
  const from = i
  while (i < end && isDigit(b[i]!)) i++
  return i === from ? -1 - i : i
}

function space(b: Uint8Array, i: number, end: number): number {
  while (i < end) {
    const c = b[i]!
    if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) break
    i++
  }
  return i
}

function isDigit(c: number): boolean {
  return c >= 0x30 && c <= 0x39
}

/** Length of the true, false or null that stands at i; 0 if none does. */
export function literal(b: Uint8Array, i: number, end: number): number {
  if (i + 4 > end) return 0
  if (b[i] === 0x74) return b[i + 1] === 0x72 && b[i + 2] === 0x75 && b[i + 3] === 0x65 ? 4 : 0
  if (b[i] === 0x6e) return b[i + 1] === 0x75 && b[i + 2] === 0x6c && b[i + 3] === 0x6c ? 4 : 0
  if (b[i] !== 0x66 || i + 5 > end) return 0
  return b[i + 1] === 0x61 && b[i + 2] === 0x6c && b[i + 3] === 0x73 && b[i + 4] === 0x65 ? 5 : 0
}

/** One of "\/bfnrt, the characters that may follow a backslash alone. */
export function isShortEscape(c: number): boolean {
  return c === 0x22 || c === 0x5c || c === 0x2f || c === 0x62 || c === 0x66 || c === 0x6e || c === 0x72 || c === 0x74
}

/** The code unit that four hexadecimal digits say; -1 if they are none. */
export function hex4(b: Uint8Array, i: number, end: number): number {
  if (i + 4 > end) return -1
  let unit = 0
  for (let k = i; k < i + 4; k++) {
    const c = b[k]!
    const lower = c | 0x20
    if (isDigit(c)) unit = unit * 16 + c - 0x30
    else if (lower >= 0x61 && lower <= 0x66) unit = unit * 16 + lower - 0x57
    else return -1
  }
  return unit
}
