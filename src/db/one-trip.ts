// SPDX-License-Identifier: MIT
// One statement as somebody, in one message there and one back: who asks, what is asked, and a single Sync behind both. PostgreSQL takes
// what stands before a Sync as one transaction, so "begin" and "commit" need no messages of their own, and both sides write to the
// socket once instead of four times (GraphQL: a third of Node's time was writev).
import pg from 'pg'

export interface Part {
  text: string
  values?: readonly unknown[]
  /** Prepared under this name, once a connection. */
  name?: string | undefined
}

interface Message {
  text?: string
  fields?: unknown[]
}

/** What of pg's connection a query of one's own may use. */
interface Wire {
  stream: { cork(): void; uncork(): void }
  parsedStatements: Record<string, string | undefined>
  parse(query: { text: string; name?: string | undefined; types?: unknown }): void
  bind(config: { portal: string; statement: string; values: unknown[]; valueMapper: (value: unknown) => unknown }): void
  describe(message: { type: 'P'; name: string }): void
  execute(config: { portal: string; rows: number }): void
  sync(): void
}

/** pg's own collector of rows; its types do not know it whole. */
interface Rows<T extends pg.QueryResultRow> extends pg.QueryResult<T> {
  addFields(fields: unknown[]): void
  parseRow(row: unknown): T
  addRow(row: T): void
  addCommandComplete(message: Message): void
}
const { Result, utils } = pg as unknown as {
  Result: new (rowMode: string | undefined, types: undefined) => Rows<never>
  utils: { prepareValue(value: unknown): unknown }
}

/** Sends `before`, `asked` and `behind`; resolves with the rows of `asked` once all are committed. */
export async function oneTrip<T extends pg.QueryResultRow>(
  client: pg.PoolClient,
  before: Part,
  asked: Part,
  behind: readonly Part[] = [],
  rowMode?: 'array',
): Promise<pg.QueryResult<T>> {
  return await new Promise((resolve, reject) => {
    const result = new Result(rowMode, undefined) as unknown as Rows<T>
    const parts = [before, asked, ...behind]
    const named: Part[] = []
    let at = 0
    let failed: unknown
    const query = {
      /** For who looks on. */
      asked,
      submit(connection: unknown): undefined {
        const wire = connection as Wire
        wire.stream.cork()
        try {
          for (const part of parts) {
            const { text, name = '', values = [] } = part
            if (name === '' || wire.parsedStatements[name] === undefined) {
              wire.parse({ text, name })
              if (name !== '') named.push(part)
            }
            wire.bind({ portal: '', statement: name, values: [...values], valueMapper: utils.prepareValue })
            if (part === asked) wire.describe({ type: 'P', name: '' })
            wire.execute({ portal: '', rows: 0 })
          }
          wire.sync()
        } finally {
          wire.stream.uncork()
        }
      },
      /** The statements arrive in the order in which they were sent. */
      get name(): string | undefined {
        return named[0]?.name
      },
      get text(): string | undefined {
        return named.shift()?.text
      },
      handleRowDescription(message: Message): void {
        result.addFields(message.fields ?? [])
      },
      handleDataRow(message: Message): void {
        if (at !== 1) return
        try {
          result.addRow(result.parseRow(message.fields))
        } catch (e) {
          failed ??= e
        }
      },
      handleCommandComplete(message: Message): void {
        if (at++ === 1) result.addCommandComplete(message)
      },
      handleEmptyQuery(): void {
        at++
      },
      handlePortalSuspended(): void {},
      handleCopyInResponse(): void {},
      handleCopyData(): void {},
      handleError(e: unknown): void {
        reject(e)
      },
      handleReadyForQuery(): void {
        if (failed === undefined) resolve(result)
        else reject(failed)
      },
    }
    client.query(query as never)
  })
}
