// SPDX-License-Identifier: MIT
// Where one SQL statement ends and the next begins.

export interface Statement {
  text: string
  offset: number
}

/** One token that may hide a semicolon: comments, quoted text, dollar quotes; else the semicolon itself. */
const token =
  /--[^\n]*|\/\*(?:[^*/]|\*(?!\/)|\/(?!\*)|\/\*[\s\S]*?\*\/)*\*\/|[eE]'(?:\\[\s\S]|''|[^'\\])*'|'(?:''|[^'])*'|"(?:""|[^"])*"|(\$(?:[A-Za-z_]\w*)?\$)[\s\S]*?\1|;/g

export function splitStatements(sql: string): Statement[] {
  const statements: Statement[] = []
  let start = 0
  const add = (end: number) => {
    const text = sql.slice(start, end)
    const blank = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*/.exec(text)?.[0].length ?? 0
    if (blank < text.length) statements.push({ text: text.slice(blank), offset: start + blank })
    start = end
  }
  for (const match of sql.matchAll(token)) {
    if (match[0] !== ';') continue
    // "begin atomic ... end" is one statement with semicolons inside, and may have a "case ... end" of its own.
    const text = sql.slice(start, match.index)
    if (/\bbegin\s+atomic\b/i.test(text)) {
      const words = text.replace(token, ' ')
      const count = (pattern: RegExp) => words.match(pattern)?.length ?? 0
      if (count(/\bbegin\s+atomic\b|\bcase\b/gi) > count(/\bend\b/gi)) continue
    }
    add(match.index + 1)
  }
  add(sql.length)
  return statements
}

export function lineAt(text: string, offset: number): number {
  // PostgreSQL counts characters, JavaScript UTF-16 units; the difference is only ever a few columns.
  return text.slice(0, offset).split('\n').length
}
