// SPDX-License-Identifier: MIT
// The functions of the exposed schemas, read from PostgreSQL's own catalog: a function can be called because it is there. What its comment
// says of arguments ("@param name words") and of the columns of a table that it returns ("@column name words") becomes documentation;
// columns of a named type have comments of their own. Outside the schema api a function is for the roles that it was granted to: that
// PostgreSQL lets everybody call a new function says nothing about the API.
import type { Pool, RequestRole } from '../../db/pool.ts'
import { type Column, makeColumn, type Relation, smartTags } from './catalog.ts'
import type { ColumnRow } from './catalog-query.ts'

export interface Argument extends Column {
  readonly isArray: boolean
  readonly isRequired: boolean
}

export interface ApiFunction {
  readonly schema: string
  readonly name: string
  readonly description: string
  readonly deprecated: string | null
  readonly args: ReadonlyMap<string, Argument>
  readonly isSet: boolean
  /** Whether it gives rows with columns, or values; then the one column of `relation` is called "value". */
  readonly hasColumns: boolean
  /** What it gives, as if it were a view. */
  readonly relation: Relation
  /** May write; then it is called by POST alone. */
  readonly isVolatile: boolean
  readonly isVoid: boolean
  /** The type of its one argument without a name, which is the body as it comes. */
  readonly takesBody: 'json' | 'jsonb' | null
  /** Schema and name of the relation whose rows it gives: what that embeds, the function's rows embed too. */
  readonly rowsOf: readonly [string, string] | null
  readonly roles: ReadonlySet<RequestRole>
}

const functionsSql = `
with f as (
  select p.*, s.name as schema, s.o as schema_o, t.typtype, t.typrelid, obj_description(p.oid, 'pg_proc') as comment
  from tmidb.exposed_schemas() with ordinality s(name, o) join pg_namespace ns on ns.nspname = s.name
  join pg_proc p on p.pronamespace = ns.oid join pg_type t on t.oid = p.prorettype
  where p.prokind = 'f' and p.prorettype not in ('trigger'::regtype, 'event_trigger'::regtype, 'internal'::regtype)
    and not exists (select from pg_proc o where o.pronamespace = p.pronamespace and o.proname = p.proname and o.oid <> p.oid)
), a as (
  select f.oid, u.name, coalesce(u.mode, 'i') as mode, u.o, t.typname, t.typcategory = 'A' as "isArray", n.nspname,
    format_type(t.oid, null) as type, row_number() over (partition by f.oid, coalesce(u.mode, 'i') in ('i', 'b', 'v') order by u.o) as nth
  from f cross join lateral unnest(coalesce(f.proallargtypes, f.proargtypes::oid[]), f.proargmodes::text[], f.proargnames)
    with ordinality u(type, mode, name, o)
  join pg_type t on t.oid = u.type join pg_namespace n on n.oid = t.typnamespace
)
select f.schema, f.proname as name, f.comment, f.proretset as "isSet", f.provolatile = 'v' as "isVolatile",
  f.prorettype = 'void'::regtype as "isVoid",
  case when f.pronargs = 1 and coalesce(f.proargnames[1], '') = '' and f.proargtypes[0] in ('json'::regtype, 'jsonb'::regtype)
    then f.proargtypes[0]::regtype::text end as "takesBody",
  coalesce((select json_agg(json_build_object('name', a.name, 'type', a.type, 'typeName', json_build_array(a.nspname, a.typname),
      'comment', null, 'isArray', a."isArray", 'isRequired', a.nth <= f.pronargs - f.pronargdefaults) order by a.o)
    from a where a.oid = f.oid and a.mode in ('i', 'b', 'v') and a.name <> ''), '[]') as args,
  case when f.typtype = 'c' then (
    select json_agg(json_build_object('name', c.attname, 'type', format_type(c.atttypid, c.atttypmod),
      'typeName', json_build_array(n.nspname, t.typname), 'comment', col_description(f.typrelid, c.attnum)) order by c.attnum)
    from pg_attribute c join pg_type t on t.oid = c.atttypid join pg_namespace n on n.oid = t.typnamespace
    where c.attrelid = f.typrelid and c.attnum > 0 and not c.attisdropped)
  when f.prorettype = 'record'::regtype or 't' = any(f.proargmodes::text[]) then (
    select json_agg(json_build_object('name', a.name, 'type', a.type, 'typeName', json_build_array(a.nspname, a.typname),
      'comment', null) order by a.o)
    from a where a.oid = f.oid and a.mode in ('o', 'b', 't')) end as columns,
  json_build_object('name', 'value', 'type', format_type(f.prorettype, null), 'comment', null, 'typeName', (
    select json_build_array(n.nspname, t.typname) from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.oid = f.prorettype)) as value,
  (select json_build_array(n.nspname, c.relname) from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where c.oid = f.typrelid and c.relkind <> 'c') as "rowsOf",
  array(select r from unnest(array['tmidb_speaker', 'tmidb_listener', 'tmidb_member', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin']) r
    where has_schema_privilege(r, f.pronamespace, 'usage') and has_function_privilege(r, f.oid, 'execute')
      and (f.schema = 'api' or exists (
        select from aclexplode(coalesce(f.proacl, acldefault('f', f.proowner))) g
        where g.privilege_type = 'EXECUTE' and g.grantee <> 0 and pg_has_role(r, g.grantee, 'usage')))) as roles
from f
where not exists (select from a where a.oid = f.oid and coalesce(a.name, '') = '' and a.mode in ('i', 'b', 'v'))
  or (f.pronargs = 1 and f.proargtypes[0] in ('json'::regtype, 'jsonb'::regtype))
order by f.schema_o, f.proname`

interface FunctionRow {
  schema: string
  name: string
  comment: string | null
  isSet: boolean
  isVolatile: boolean
  isVoid: boolean
  takesBody: 'json' | 'jsonb' | null
  args: (ColumnRow & { isArray: boolean; isRequired: boolean })[]
  columns: ColumnRow[] | null
  value: ColumnRow
  rowsOf: [string, string] | null
  roles: RequestRole[]
}

/** In the order in which a name is looked up. */
export async function loadFunctions(pool: Pool): Promise<ApiFunction[]> {
  const { rows } = await pool.query<FunctionRow>(functionsSql)
  return rows.filter((r) => r.roles.length > 0).map(makeFunction)
}

function makeFunction(row: FunctionRow): ApiFunction {
  const { tags, text } = smartTags(row.comment)
  const said = (tag: string) => new Map((row.comment ?? '').split('\n').flatMap((line) => namedTag(tag, line)))
  const [params, columns] = [said('param'), said('column')]
  return {
    schema: row.schema,
    name: row.name,
    description: text,
    deprecated: tags.get('deprecated') ?? null,
    args: new Map(
      row.args.map((a) => [
        a.name,
        { ...makeColumn(a, params.get(a.name)), isArray: a.isArray, isRequired: a.isRequired } as Argument,
      ]),
    ),
    isSet: row.isSet,
    isVolatile: row.isVolatile,
    isVoid: row.isVoid,
    takesBody: row.takesBody,
    hasColumns: row.columns !== null,
    relation: {
      schema: row.schema,
      name: row.name,
      kind: 'view',
      category: null,
      major: null,
      deprecated: null,
      description: text,
      tags,
      key: [],
      uniques: [],
      columns: new Map((row.columns ?? [row.value]).map((c) => [c.name, makeColumn(c, columns.get(c.name))])),
      rights: new Map(),
      takes: new Set(),
    },
    rowsOf: row.rowsOf,
    roles: new Set(row.roles),
  }
}

function namedTag(tag: string, line: string): [string, string][] {
  const found = /^@(\S+)\s+(\S+)\s+(.+)$/.exec(line)
  return found?.[1] === tag ? [[found[2] ?? '', found[3] ?? '']] : []
}
