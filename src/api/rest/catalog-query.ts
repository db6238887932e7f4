// SPDX-License-Identifier: MIT
// The one look into PostgreSQL's own catalog that the generated API grows from: every relation of an exposed schema on which a
// request may have any right.
import type { Pool, RequestRole } from '../../db/pool.ts'

export interface ColumnRow {
  name: string
  type: string
  typeName: [string, string]
  comment: string | null
  notNull?: boolean
  hasDefault?: boolean
  /** As PostgreSQL writes it; of an identity, its next value. */
  defaultSql?: string | null
  /** Written by PostgreSQL alone: a generated column or "generated always as identity". */
  generated?: boolean
  enumValues?: string[] | null
  /** By role, as letters of select, insert and update, where the relation has rights on single columns. */
  rights?: Partial<Record<RequestRole, string>> | null
}

export interface ForeignKeyRow {
  name: string
  columns: string[]
  schema: string
  relation: string
  toColumns: string[]
}

export interface RelationRow {
  schema: string
  name: string
  kind?: 'table' | 'view'
  comment: string | null
  columns: ColumnRow[]
  /** The first is the primary key, if there is one. */
  uniques?: { name: string; primary: boolean; columns: string[] }[]
  foreignKeys?: ForeignKeyRow[]
  /** By role, as letters of select, insert, update and delete: "siud". */
  rights?: Partial<Record<RequestRole, string>>
  /** What the relation itself can take, whoever asks: a view that joins can be written only by triggers. */
  takes?: string
}

export const readers: readonly RequestRole[] = [
  'tmidb_speaker',
  'tmidb_listener',
  'tmidb_member',
  'tmidb_viewer',
  'tmidb_editor',
  'tmidb_admin',
]

const catalogSql = `
with s as (
  select n.oid, n.nspname, e.o from tmidb.exposed_schemas() with ordinality e(name, o) join pg_namespace n on n.nspname = e.name
), r as (
  select c.oid, c.relname, c.relkind, s.nspname, s.o, (
    select jsonb_object_agg(role, letters) from (
      select role, concat(
        case when has_any_column_privilege(role, c.oid, 'select') then 's' end,
        case when has_any_column_privilege(role, c.oid, 'insert') then 'i' end,
        case when has_any_column_privilege(role, c.oid, 'update') then 'u' end,
        case when has_table_privilege(role, c.oid, 'delete') then 'd' end) as letters
      from unnest($1::text[]) role where has_schema_privilege(role, s.oid, 'usage')) p
    where letters <> '') as rights,
    exists (select from pg_attribute a where a.attrelid = c.oid and a.attnum > 0 and a.attacl is not null) as by_column
  from s join pg_class c on c.relnamespace = s.oid and c.relkind in ('r', 'v', 'm', 'p', 'f') and not c.relispartition
), k as (
  select c.conrelid, c.contype, c.conname, c.confrelid,
    array(select a.attname::text from unnest(c.conkey) with ordinality k(n, o)
      join pg_attribute a on a.attrelid = c.conrelid and a.attnum = k.n order by k.o) as columns,
    array(select a.attname::text from unnest(c.confkey) with ordinality k(n, o)
      join pg_attribute a on a.attrelid = c.confrelid and a.attnum = k.n order by k.o) as to_columns
  from pg_constraint c where c.conrelid in (select oid from r) and c.contype in ('p', 'u', 'f')
)
select r.nspname as schema, r.relname as name, case when r.relkind in ('v', 'm') then 'view' else 'table' end as kind,
  obj_description(r.oid, 'pg_class') as comment, r.rights,
  (select concat(case when u & 8 <> 0 then 'i' end, case when u & 4 <> 0 then 'u' end, case when u & 16 <> 0 then 'd' end)
   from pg_relation_is_updatable(r.oid, true) u) as takes,
  (select json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'typeName', json_build_array(n.nspname, t.typname), 'comment', col_description(r.oid, a.attnum), 'notNull', a.attnotnull,
      'hasDefault', a.atthasdef or a.attidentity <> '', 'defaultSql', case when a.attidentity = 'd'
        then format('nextval(%L::regclass)', pg_get_serial_sequence(format('%I.%I', r.nspname, r.relname), a.attname))
        when a.attgenerated = '' then (select pg_get_expr(d.adbin, d.adrelid) from pg_attrdef d
          where d.adrelid = r.oid and d.adnum = a.attnum) end,
      'generated', a.attgenerated <> '' or a.attidentity = 'a',
      'enumValues', (select json_agg(e.enumlabel order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid),
      'rights', case when r.by_column then (select json_object_agg(role, concat(
          case when has_column_privilege(role, r.oid, a.attnum, 'select') then 's' end,
          case when has_column_privilege(role, r.oid, a.attnum, 'insert') then 'i' end,
          case when has_column_privilege(role, r.oid, a.attnum, 'update') then 'u' end)) from unnest($1::text[]) role) end)
      order by a.attnum)
    from pg_attribute a join pg_type t on t.oid = a.atttypid join pg_namespace n on n.oid = t.typnamespace
    where a.attrelid = r.oid and a.attnum > 0 and not a.attisdropped) as columns,
  coalesce((select json_agg(json_build_object('name', k.conname, 'primary', k.contype = 'p', 'columns', k.columns)
      order by k.contype <> 'p', k.conname)
    from k where k.conrelid = r.oid and k.contype in ('p', 'u')), '[]') as uniques,
  coalesce((select json_agg(json_build_object('name', k.conname, 'columns', k.columns, 'schema', n.nspname, 'relation', f.relname,
      'toColumns', k.to_columns) order by k.conname)
    from k join pg_class f on f.oid = k.confrelid join pg_namespace n on n.oid = f.relnamespace
    where k.conrelid = r.oid and k.contype = 'f'), '[]') as "foreignKeys"
from r where r.rights is not null
order by r.o, r.relname`

/** Schemas in the order in which a name is looked up, with or without relations, and the relations. */
export async function readCatalog(pool: Pool): Promise<{ schemas: string[]; relations: RelationRow[] }> {
  const exposed = await pool.query<{ name: string }>('select name::text from tmidb.exposed_schemas() name')
  const { rows } = await pool.query<RelationRow>(catalogSql, [readers])
  return { schemas: exposed.rows.map((r) => r.name), relations: rows.filter((r) => r.columns !== null) }
}
