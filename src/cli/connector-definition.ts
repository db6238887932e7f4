// SPDX-License-Identifier: MIT
// The definition of a connector from flags, as tmidb.create_connector takes it. What is right is for SQL to say; here only the flags
// are put in their places.
import { TmiError } from '../base/errors.ts'
import { UsageError } from './command.ts'

type Values = Record<string, string | boolean | (string | boolean)[] | undefined>
type Json = Record<string, unknown>

export interface Definition {
  kind: string
  config: Json
  /** Whether anything of the definition was said. */
  given: boolean
}

const ofUrl = ['url', 'format', 'items', 'field', 'header', 'on-change']
const ofPostgres = ['postgres', 'table', 'query', 'watermark']

/** old: the connector as it is, where one is changed; its secrets read *** and are kept by SQL. */
export function definition(
  values: Values,
  configText: string | undefined,
  old: { kind: string; config: Json } | null,
): Definition {
  const has = (names: string[]) => names.filter((name) => values[name] !== undefined)
  const text = (name: string) => values[name] as string | undefined
  const list = (name: string) => (values[name] ?? []) as string[]
  const base = configText === undefined ? structuredClone(old?.config ?? {}) : parse(configText)
  const kind = old?.kind ?? (has(ofPostgres).length > 0 || base.watermark !== undefined ? 'postgres' : 'url')
  const [stray] = has(kind === 'url' ? ofPostgres : ofUrl)
  if (stray) throw new UsageError(`--${stray} does not belong to a ${kind} connector.`)
  const config: Json = { ...base }
  const put = (into: Json, key: string, value: unknown) => {
    if (value !== undefined) into[key] = value
  }
  put(config, 'url', text(kind === 'url' ? 'url' : 'postgres'))
  if (list('allow').length > 0) config.allow = list('allow')
  if (kind === 'postgres') {
    for (const name of ['table', 'query', 'watermark', 'target', 'ts']) put(config, name, text(name))
    // One says what is read: the new one.
    if (text('table') !== undefined) delete config.query
    if (text('query') !== undefined) delete config.table
  } else {
    put(config, 'format', text('format'))
    if (values['on-change'] === true) config.on_change = true
    const extract = { ...((config.extract as Json | undefined) ?? {}) }
    for (const name of ['items', 'target', 'ts']) put(extract, name, text(name))
    if (list('field').length > 0) extract.fields = Object.fromEntries(list('field').map(field))
    if (Object.keys(extract).length > 0) config.extract = extract
    if (list('header').length > 0)
      config.headers = { ...((config.headers as Json | undefined) ?? {}), ...Object.fromEntries(list('header').map(header)) }
  }
  const given = configText !== undefined || has([...ofUrl, ...ofPostgres, 'target', 'ts', 'allow']).length > 0
  if (old === null && config.url === undefined) throw new UsageError('Say what is asked: --url <address> or --postgres <url>.')
  return { kind, config, given }
}

function parse(text: string): Json {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Json
  } catch (cause) {
    throw new TmiError('TM108', `The definition is not JSON: ${(cause as Error).message}.`, { cause })
  }
  throw new TmiError('TM108', 'The definition is not a JSON object.')
}

/** temp=$.t or temp:number=$.t */
function field(text: string): [string, unknown] {
  const found = /^([^=]+?)(?::(number|text|boolean|json|auto))?=(.+)$/s.exec(text)
  if (!found) throw new UsageError(`"${text}" is no field: say <name>=<path>, such as temp='$.main.temp'.`)
  const [, name = '', type, path = ''] = found
  return [name, type === undefined ? path : path.includes('$') ? { path, type } : { value: path }]
}

function header(text: string): [string, string] {
  const at = text.indexOf(':')
  if (at < 1) throw new UsageError(`"${text.slice(0, 20)}" is no header: say '<name>: <value>'.`)
  return [text.slice(0, at).trim(), text.slice(at + 1).trim()]
}
