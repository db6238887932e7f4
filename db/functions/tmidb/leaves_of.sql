-- SPDX-License-Identifier: MIT
-- The tables that hold a chunk's readings: one, or one for each category with a retention of its own and one for the rest.
create or replace function tmidb.leaves_of(p_chunk text)
returns table (name text, own_category smallint, parent_schema text, parent text, bound text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select c.relname::text, substring(c.relname from '^' || p_chunk || '_c([0-9]+)$')::smallint, n.nspname::text, p.relname::text,
         pg_get_expr(c.relpartbound, c.oid)
  from pg_partition_tree(to_regclass(format('tmidb_parts.%I', p_chunk))) t
  join pg_class c on c.oid = t.relid
  join pg_inherits i on i.inhrelid = c.oid
  join pg_class p on p.oid = i.inhparent
  join pg_namespace n on n.oid = p.relnamespace
  where t.isleaf
$$;

comment on function tmidb.leaves_of(text) is 'The tables of a chunk in tmidb_parts, with what they are attached to.';
revoke all on function tmidb.leaves_of(text) from public;
