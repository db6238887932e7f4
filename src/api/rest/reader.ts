// SPDX-License-Identifier: MIT
// Walks along one parameter of the query string; every refusal says where.
import { parseError, type RestError } from './error.ts'
import type { PathStep } from './query.ts'

export class Reader {
  at = 0
  readonly what: string
  readonly text: string

  constructor(what: string, text: string) {
    this.what = what
    this.text = text
  }

  expected(what: string): RestError {
    return parseError(this.what, this.text, this.at, what)
  }

  peek(s: string): boolean {
    return this.text.startsWith(s, this.at)
  }

  take(s: string): boolean {
    if (!this.peek(s)) return false
    this.at += s.length
    return true
  }

  match(sticky: RegExp): RegExpExecArray | null {
    sticky.lastIndex = this.at
    const found = sticky.exec(this.text)
    if (found) this.at += found[0].length
    return found
  }

  blank(): void {
    this.match(/\s*/y)
  }

  end(): void {
    if (this.at < this.text.length) throw this.expected('the end')
  }

  rest(): string {
    const value = this.text.slice(this.at)
    this.at = this.text.length
    return value
  }

  word(): string {
    return this.match(/[A-Za-z_0-9]+/y)?.[0] ?? ''
  }

  /** A column: letters of any script, digits, _ $ space and inner dashes; anything in double quotes. */
  name(): string {
    if (this.peek('"')) return this.quoted()
    const found = this.match(/(?:[\p{L}\p{M}\p{N}_$ ]|-(?!>))+/uy)?.[0].trim()
    if (!found) throw this.expected('field name')
    return found
  }

  /** The left side of a filter, where only an arrow can end the name. */
  wholeName(): string {
    if (this.peek('"')) return this.quoted()
    const found = this.match(/(?:[^-]|-(?!>))+/y)?.[0]
    if (!found) throw this.expected('field name')
    return found
  }

  path(): PathStep[] {
    const steps: PathStep[] = []
    for (;;) {
      const text = this.take('->>')
      if (!text && !this.take('->')) return steps
      const index = this.match(/-?\d{1,9}(?=$|->|[.,:)])/y)?.[0]
      steps.push({ key: index === undefined ? this.pathKey() : Number(index), text })
      if (text && this.peek('->')) throw this.expected('nothing after ->>')
    }
  }

  private pathKey(): string {
    if (this.peek('"')) return this.quoted()
    const found = this.match(/(?:[^-.,:()"]|-(?!>))+/y)?.[0]
    if (!found) throw this.expected('a key')
    return found
  }

  quoted(): string {
    const found = this.match(/"((?:[^"\\]|\\[\s\S])*)"/y)
    if (!found) throw this.expected('a closing "')
    return (found[1] ?? '').replace(/\\([\s\S])/g, '$1')
  }

  /** (a,b,"c,d") or {a,b}; empty is allowed. */
  list(open: string, close: string): string[] {
    if (!this.take(open)) throw this.expected(open)
    const values: string[] = []
    if (this.take(close)) return values
    do {
      const quoted = this.peek('"') ? this.tryQuoted(close) : null
      values.push(quoted ?? this.match(open === '(' ? /[^,)]*/y : /[^,}]*/y)?.[0] ?? '')
    } while (this.take(','))
    if (!this.take(close)) throw this.expected(`, or ${close}`)
    return values
  }

  /** A value inside and/or ends at the next comma or parenthesis, but not inside quotes, {...} or [...]. */
  logicValue(): string {
    if (this.peek('"')) {
      const quoted = this.tryQuoted(')')
      if (quoted !== null) return quoted
    }
    if (this.peek('{') || this.peek('[')) return this.bracketed()
    return this.match(/[^,)]*/y)?.[0] ?? ''
  }

  /** Quotes that do not end where the value ends are part of the value, as in PostgREST. */
  private tryQuoted(close: string): string | null {
    const start = this.at
    const found = this.match(/"((?:[^"\\]|\\[\s\S])*)"/y)
    if (found && (this.peek(',') || this.peek(close) || this.at === this.text.length))
      return (found[1] ?? '').replace(/\\([\s\S])/g, '$1')
    this.at = start
    return null
  }

  private bracketed(): string {
    const start = this.at
    let depth = 0
    for (; this.at < this.text.length; this.at++) {
      const c = this.text[this.at]
      if (c === '"') {
        this.quoted()
        this.at--
      } else if (c === '{' || c === '[') depth++
      else if ((c === '}' || c === ']') && --depth === 0) return this.text.slice(start, ++this.at)
    }
    throw this.expected('a closing bracket')
  }
}
