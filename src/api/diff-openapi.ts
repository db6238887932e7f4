// SPDX-License-Identifier: MIT
// Two OpenAPI documents: operations, their parameters and bodies, and the rows that they speak of.
import { type ApiChange, change } from './change.ts'

// biome-ignore lint/suspicious/noExplicitAny: a document is a tree of unknown shape, and each look into it is guarded
type Node = any

/** Two relations of one name: the address stands for the first, and another first is another thing. */
const relation = 'x-tmidb-relation'

const methods = ['get', 'head', 'post', 'put', 'patch', 'delete']

export function openapiDiff(before: Node, after: Node): ApiChange[] {
  return [...operations(before, after), ...rows(before, after)]
}

function operations(before: Node, after: Node): ApiChange[] {
  const found: ApiChange[] = []
  for (const path of union(before.paths, after.paths)) {
    for (const method of methods) {
      const name = `${method.toUpperCase()} ${path}`
      const was = before.paths?.[path]?.[method]
      const is = after.paths?.[path]?.[method]
      if (was && is) found.push(...operation(name, { document: before, node: was }, { document: after, node: is }))
      else if (was) found.push(change('openapi', name, 'removed', true, `${name} was removed.`))
      else if (is) found.push(change('openapi', name, 'added', false, `${name} was added.`))
    }
  }
  return found
}

/** A part of a document, which may point to other parts of it. */
interface Part {
  document: Node
  node: Node
}

function operation(name: string, was: Part, is: Part): ApiChange[] {
  const found: ApiChange[] = []
  const before = parameters(was)
  const after = parameters(is)
  for (const [key, p] of before) {
    const now = after.get(key)
    const path = `${name} ${p.name}`
    if (!now) found.push(change('openapi', path, 'removed', true, `${name} lost its parameter ${p.name}.`))
    else {
      if (now.required && !p.required)
        found.push(change('openapi', path, 'changed', true, `${name} now needs its parameter ${p.name}.`))
      found.push(...schema(path, { ...was, node: p.schema }, { ...is, node: now.schema }, true))
    }
  }
  for (const [key, p] of after) {
    if (before.has(key)) continue
    const text = p.required ? `${name} needs a new parameter ${p.name}.` : `${name} has a new parameter ${p.name}.`
    found.push(change('openapi', `${name} ${p.name}`, 'added', p.required === true, text))
  }
  if (is.node.deprecated && !was.node.deprecated) found.push(change('openapi', name, 'changed', false, `${name} is deprecated.`))
  found.push(...body(`${name} body`, { ...was, node: was.node.requestBody }, { ...is, node: is.node.requestBody }, true))
  for (const status of Object.keys(was.node.responses ?? {}).filter((s) => s.startsWith('2'))) {
    const part = (p: Part) => ({ ...p, node: p.node.responses?.[status] })
    found.push(...body(`${name} ${status}`, part(was), part(is), false))
  }
  return found
}

function parameters(part: Part): Map<string, Node> {
  const all: Node[] = (part.node.parameters ?? []).map((node: Node) => resolve({ ...part, node }).node)
  return new Map(all.map((p) => [`${p.in}:${p.name}`, p]))
}

function body(path: string, was: Part, is: Part, isRequest: boolean): ApiChange[] {
  const before = resolve(was).node?.content ?? {}
  const after = resolve(is).node?.content ?? {}
  if (isRequest && resolve(is).node?.required && !was.node) {
    return [change('openapi', path, 'added', true, `${path} is needed now.`)]
  }
  return Object.keys(before).flatMap((type) =>
    after[type] === undefined
      ? [change('openapi', path, 'removed', true, `${path} cannot be ${type} any more.`)]
      : schema(path, { ...was, node: before[type].schema }, { ...is, node: after[type].schema }, isRequest),
  )
}

function rows(before: Node, after: Node): ApiChange[] {
  const was = before.components?.schemas ?? {}
  const is = after.components?.schemas ?? {}
  const written = new Set([...namesIn(before, 'requestBody'), ...namesIn(after, 'requestBody')])
  return union(was, is).flatMap((name) => {
    if (is[name] === undefined) return [change('openapi', name, 'removed', true, `The rows of ${name} were removed.`)]
    if (was[name] === undefined) return [change('openapi', name, 'added', false, `The rows of ${name} were added.`)]
    return schema(name, { document: before, node: was[name] }, { document: after, node: is[name] }, written.has(name))
  })
}

/** Names of the schemas that a part of any operation speaks of. */
function namesIn(document: Node, key: string): string[] {
  return Object.values(document.paths ?? {}).flatMap((path: Node) =>
    Object.values(path).flatMap((operation: Node) =>
      [...JSON.stringify(operation?.[key] ?? null).matchAll(/#\/components\/schemas\/([^"]+)/g)].map((m) => m[1] ?? ''),
    ),
  )
}

/** What is named is compared once, by its name. */
function schema(path: string, was: Part, is: Part, isRequest: boolean): ApiChange[] {
  const [a, b] = [was.node ?? {}, is.node ?? {}]
  if (a.$ref !== undefined && a.$ref === b.$ref) return []
  const [before, after] = [resolve(was).node ?? {}, resolve(is).node ?? {}]
  const found: ApiChange[] = []
  if (typeText(before) !== typeText(after)) {
    const text = `${path} changed from ${typeText(before)} to ${typeText(after)}.`
    found.push(change('openapi', path, 'changed', !isCompatible(before, after, isRequest), text))
  }
  if ((before.description ?? '') !== (after.description ?? ''))
    found.push(change('openapi', path, 'changed', false, `The description of ${path} changed.`))
  const [from, to] = [before[relation], after[relation]]
  if (from && to && from !== to) {
    found.push(change('openapi', path, 'changed', true, `The rows of ${path} come from ${to} instead of ${from}.`))
  }
  const needed = (node: Node, name: string) => (node.required ?? []).includes(name)
  for (const name of union(before.properties, after.properties)) {
    const [old, now] = [before.properties?.[name], after.properties?.[name]]
    const inner = `${path}.${name}`
    const must = isRequest && needed(after, name) && !needed(before, name)
    if (now === undefined) found.push(change('openapi', inner, 'removed', true, `${inner} was removed.`))
    else if (old === undefined) {
      const text = `${inner} was added (${typeText(now)})${must ? ' and must be given' : ''}.`
      found.push(change('openapi', inner, 'added', must, text))
    } else {
      if (must) found.push(change('openapi', inner, 'changed', true, `${inner} must be given now.`))
      found.push(...schema(inner, { ...was, node: old }, { ...is, node: now }, isRequest))
    }
  }
  if (before.items && after.items)
    found.push(...schema(`${path}[]`, { ...was, node: before.items }, { ...is, node: after.items }, isRequest))
  return found
}

function types(node: Node): string[] {
  return (Array.isArray(node.type) ? node.type : [node.type ?? 'anything']).map(String)
}

function typeText(node: Node): string {
  if (node.$ref) return String(node.$ref).split('/').at(-1) ?? ''
  const format = node.format ? ` (${node.format})` : ''
  const values = node.enum ? ` of ${JSON.stringify(node.enum)}` : ''
  return `${types(node).join(' or ')}${format}${values}`
}

/** Who reads takes fewer kinds of values than before, who writes may send more. */
function isCompatible(before: Node, after: Node, isRequest: boolean): boolean {
  const [narrow, wide] = isRequest ? [before, after] : [after, before]
  const within = (a: unknown[] | undefined, b: unknown[] | undefined) => b === undefined || (a ?? []).every((v) => b.includes(v))
  const isAnything = wide.type === undefined && wide.enum === undefined && wide.$ref === undefined
  if (isAnything) return true
  return (
    before.format === after.format &&
    within(types(narrow), types(wide)) &&
    (wide.enum === undefined || within(narrow.enum ?? [{}], wide.enum))
  )
}

function resolve(part: Part): Part {
  const { document, node } = part
  if (typeof node?.$ref !== 'string') return part
  const found = node.$ref
    .split('/')
    .slice(1)
    .reduce((at: Node, key: string) => at?.[decodeURIComponent(key)], document)
  return { document, node: found }
}

function union(a: object | undefined, b: object | undefined): string[] {
  return [...new Set([...Object.keys(a ?? {}), ...Object.keys(b ?? {})])]
}
