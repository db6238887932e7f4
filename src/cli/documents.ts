// SPDX-License-Identifier: MIT
// tmictl documents: GraphQL documents that are registered, and asked for by their hash.
import { readFile } from 'node:fs/promises'
import { basename } from 'node:path'
import { TmiError } from '../base/errors.ts'
import { withDatabase } from './administrator.ts'
import { type Args, type Command, exit, print, printJson, UsageError } from './command.ts'

interface Shown {
  id: string
  name: string | null
  bytes: number
  created_at: Date
}

export const command: Command = {
  summary: 'GraphQL documents that clients ask for by their hash: add, list or remove them.',
  usage: 'documents add FILE... | list | remove ID... [--postgres URL] [--json]',
  examples: ['tmictl documents add queries/*.graphql', 'tmictl documents list'],
  options: { postgres: { type: 'string' } },
  async run({ positionals, values, json }: Args): Promise<number> {
    const [what, ...rest] = positionals
    const url = values.postgres as string | undefined
    if (what === 'list' && rest.length === 0) return await list(url, json)
    if (what === 'add' && rest.length > 0) return await add(url, rest, json)
    if (what === 'remove' && rest.length > 0) return await remove(url, rest, json)
    throw new UsageError(
      what === undefined ? 'Say what to do.' : `"documents ${positionals.join(' ').slice(0, 80)}" is not understood.`,
    )
  },
}

async function add(url: string | undefined, files: string[], json: boolean): Promise<number> {
  const texts = await Promise.all(files.map(async (file) => [file, await textOf(file)] as const))
  const added = await withDatabase(url, async (ask) => {
    const made: { id: string; file: string }[] = []
    for (const [file, text] of texts) {
      const [row] = await ask<{ id: string }>('select tmidb.persist_document($1, $2) as id', [text, basename(file)])
      made.push({ id: row?.id ?? '', file })
    }
    return made
  })
  if (json) printJson({ added })
  else for (const { id, file } of added) print(`${id}  ${file}`)
  return exit.ok
}

async function textOf(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    throw new TmiError('TM107', `The file ${file} cannot be read.`, { cause })
  }
}

async function list(url: string | undefined, json: boolean): Promise<number> {
  const documents = await withDatabase(url, (ask) =>
    ask<Shown>(`select 'sha256:' || encode(hash, 'hex') as id, name, octet_length(body) as bytes, created_at
      from tmidb.document order by name, created_at`),
  )
  if (json) printJson({ documents })
  else if (documents.length === 0) print('No documents.')
  else for (const d of documents) print(`${d.id}  ${String(d.bytes).padStart(6)} bytes  ${d.name ?? ''}`)
  return exit.ok
}

async function remove(url: string | undefined, ids: string[], json: boolean): Promise<number> {
  await withDatabase(url, async (ask) => {
    for (const id of ids) await ask('select tmidb.remove_document($1)', [id])
  })
  if (json) printJson({ removed: ids })
  else print(`${ids.length} removed.`)
  return exit.ok
}
