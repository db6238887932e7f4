// SPDX-License-Identifier: MIT
// A fetched body as JSON text for SQL. JSON goes on as it came, for only SQL keeps its numbers exact; CSV and HTML become lists of
// objects of texts, in a thread of its own.
import { isUtf8 } from 'node:buffer'
import { TmiError } from '../base/errors.ts'
import { inThread } from '../base/thread.ts'

export interface DocumentConfig {
  format?: 'json' | 'csv' | 'html'
  csv?: { delimiter?: string; header?: boolean; columns?: string[] }
  html?: { items: string; fields: Record<string, string | { css?: string; attr?: string }> }
}

const timeoutMs = 5000
const heapMb = 256

export async function documentText(
  body: Buffer,
  contentType: string,
  config: DocumentConfig,
  signal?: AbortSignal,
): Promise<string> {
  const text = decoded(body, contentType)
  const format = config.format ?? 'json'
  if (format === 'json') {
    if (text.includes('\0')) throw new TmiError('TM208')
    return text
  }
  const file = new URL('./document-thread.ts', import.meta.url)
  return await inThread<string>(file, { text, format, csv: config.csv, html: config.html }, { timeoutMs, heapMb, signal })
}

/** By the charset that the server names; the byte order mark goes. */
function decoded(body: Buffer, contentType: string): string {
  const charset = /charset\s*=\s*"?([^\s";]{1,40})/i.exec(contentType)?.[1] ?? 'utf-8'
  let decoder: InstanceType<typeof TextDecoder>
  try {
    decoder = new TextDecoder(charset)
  } catch (cause) {
    throw new TmiError('TM209', `The encoding ${charset} is not known.`, { cause })
  }
  if (decoder.encoding === 'utf-8' && !isUtf8(body)) throw new TmiError('TM209')
  return decoder.decode(body)
}
