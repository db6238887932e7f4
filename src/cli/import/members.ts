// SPDX-License-Identifier: MIT

/**
 * The members of one JSON object as [name, text of the value]; null where it is none. The text stays as it was, so that no number is
 * rounded on the way; what is wrong inside a value is for the gate to say.
 */
export function members(text: string): [string, string][] | null {
  let i = space(text, 0)
  if (text[i] !== '{') return null
  const found: [string, string][] = []
  i = space(text, i + 1)
  if (text[i] === '}') return space(text, i + 1) === text.length ? found : null
  for (;;) {
    if (text[i] !== '"') return null
    const keyTo = stringEnd(text, i)
    if (keyTo < 0) return null
    const key = nameOf(text.slice(i, keyTo))
    if (key === null) return null
    i = space(text, keyTo)
    if (text[i] !== ':') return null
    i = space(text, i + 1)
    const from = i
    i = valueEnd(text, i)
    if (i < 0) return null
    found.push([key, text.slice(from, i).trimEnd()])
    if (text[i] === '}') return space(text, i + 1) === text.length ? found : null
    i = space(text, i + 1)
  }
}

/** Where the value is over: at the comma or the brace behind it. */
function valueEnd(text: string, i: number): number {
  let depth = 0
  for (; i < text.length; i++) {
    const c = text.charCodeAt(i)
    if (c === 0x22) {
      i = stringEnd(text, i) - 1
      if (i < 0) return -1
    } else if (c === 0x7b || c === 0x5b) depth++
    else if (c === 0x7d || c === 0x5d) {
      if (depth === 0) return c === 0x7d ? i : -1
      depth--
    } else if (c === 0x2c && depth === 0) return i
  }
  return -1
}

/** Behind the closing quote of the string at i. */
function stringEnd(text: string, i: number): number {
  for (;;) {
    const at = text.indexOf('"', i + 1)
    if (at < 0) return -1
    let slashes = 0
    while (text.charCodeAt(at - 1 - slashes) === 0x5c) slashes++
    if (slashes % 2 === 0) return at + 1
    i = at
  }
}

function nameOf(quoted: string): string | null {
  if (!quoted.includes('\\')) return quoted.slice(1, -1)
  try {
    return JSON.parse(quoted) as string
  } catch {
    return null
  }
}

function space(text: string, i: number): number {
  while (i < text.length && text.charCodeAt(i) <= 0x20) i++
  return i
}
