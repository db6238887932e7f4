// SPDX-License-Identifier: MIT
import type { Ask } from '../administrator.ts'
import { type Args, exit, print, printJson, UsageError } from '../command.ts'

interface Group {
  name: string
  condition: string
  targets: number
  grants: number
}

const listed = 'select name, condition, targets::int, grants::int from tmidb.target_groups()'

export async function groups(ask: Ask, { json }: Args): Promise<number> {
  const rows = await ask<Group>(`${listed} order by name`)
  if (json) printJson({ groups: rows })
  else if (rows.length === 0) print(`There are no groups. tmictl access group NAME --condition '$.site == "busan"' makes one.`)
  else for (const g of rows) print(`${g.name.padEnd(20)} ${g.condition}   (${g.targets} targets, ${g.grants} grants)`)
  return exit.ok
}

/** With a condition it is made or changed, without it is shown. */
export async function group(ask: Ask, { values, json }: Args, [name]: readonly string[]): Promise<number> {
  const condition = values.condition as string | undefined
  if (values.remove === true) {
    if (condition !== undefined) throw new UsageError('Say either --condition or --remove.')
    const [gone] = await ask<{ n: number }>('select tmidb.remove_group($1) as n', [name])
    if (json) printJson({ removed: name, grants: gone?.n })
    else print(`The group ${name} is removed, and ${gone?.n} grants that named it.`)
    return exit.ok
  }
  if (condition !== undefined) {
    const [before] = await ask<Group>(`${listed} where name = $1`, [name])
    await ask(`select tmidb.${before ? 'set' : 'create'}_group($1, $2)`, [name, condition])
  }
  const members = await ask<{ key: string }>('select m as key from tmidb.group_members($1) m', [name])
  const [found] = await ask<Group>(`${listed} where name = $1`, [name])
  const keys = members.map(({ key }) => key)
  if (json) printJson({ ...found, targets: keys })
  else {
    print(`${name}: ${found?.condition}   (${keys.length} targets, ${found?.grants} grants)`)
    for (const key of keys) print(`    ${key}`)
  }
  return exit.ok
}

interface Role {
  name: string
  sees: string
  description: string | null
  people: number
}

const rolesListed = `select r.name, r.request_role as sees, r.description, (select count(*)::int from tmidb.account a where a.role_id = r.role_id) as people
  from tmidb.access_role r`

export async function roles(ask: Ask, { json }: Args): Promise<number> {
  const rows = await ask<Role>(`${rolesListed} order by r.role_id`)
  if (json) printJson({ roles: rows })
  else for (const r of rows) print(line(r))
  return exit.ok
}

/** With a description it is made, without it is shown. */
export async function role(ask: Ask, { values, json }: Args, [name]: readonly string[]): Promise<number> {
  const { description } = values as { description?: string }
  if (values.remove === true) {
    if (description !== undefined) throw new UsageError('Say either --description or --remove.')
    await ask('select tmidb.remove_role($1)', [name])
    if (json) printJson({ removed: name })
    else print(`The role ${name} is removed.`)
    return exit.ok
  }
  if (description !== undefined) await ask('select tmidb.create_role($1, $2)', [name, description])
  const grants = await ask<{ words: string; applies: boolean }>(
    `select g->>'grant' as words from jsonb_array_elements((tmidb.explain_access('role:' || $1)).grants) g`,
    [name],
  )
  const [found] = await ask<Role>(`${rolesListed} where r.name = $1`, [name])
  if (json) printJson({ ...found, grants: grants.map((g) => g.words) })
  else {
    print(line(found as Role))
    for (const g of grants) print(`    ${g.words}`)
  }
  return exit.ok
}

function line({ name, people, description }: Role): string {
  return `${name.padEnd(20)} ${String(people).padStart(4)} people  ${description ?? ''}`
}
