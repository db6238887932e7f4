-- SPDX-License-Identifier: MIT
-- after: exposed_schemas
-- What PostGraphile reads of the catalog, in the form in which it reads it (pg-introspection, version 1), of the exposed schemas only.
-- Its own query reads everything: 3 to 5 MB of JSON with 50 to 200 categories and 90 days of chunks, of which nearly all is partitions
-- and functions that the API never shows; 75 to 150 ms there and 30 ms to parse, on the loop of the api process.
-- A test compares the schemas that come of both.
create or replace function tmidb.introspection() returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
with
  namespaces as (
    select n.oid as _id, n.* from pg_namespace n where n.nspname <> 'information_schema' and n.nspname !~ '^pg_(temp|toast)'
  ),
  ours as (
    select _id from namespaces where nspname in (select tmidb.exposed_schemas())
  ),
  classes as (
    select c.oid as _id, c.*, pg_relation_is_updatable(c.oid, true)::bit(8)::int4 as updatable_mask
    from pg_class c where c.relnamespace in (select _id from ours) and c.relkind <> 'i'
    union all
    -- What a user's table may point at.
    select c.oid, c.*, 0 from pg_class c where c.oid = 'tmidb.target'::regclass
  ),
  attributes as (
    select a.* from pg_attribute a where a.attrelid in (select _id from classes) and a.attnum > 0
  ),
  constraints as (
    select c.oid as _id, c.* from pg_constraint c
    where c.conrelid in (select _id from classes) or c.connamespace in (select _id from ours)
  ),
  procs as (
    select p.oid as _id, p.* from pg_proc p where p.pronamespace in (select _id from ours) and p.prorettype <> 2279
  ),
  roles as (
    select r.oid as _id, r.* from pg_roles r
  ),
  auth_members as (
    select m.* from pg_auth_members m where m.roleid in (select _id from roles)
  ),
  used as (
    select a.atttypid as type_id from attributes a
    union select p.prorettype from procs p
    union select unnest(p.proargtypes) from procs p
    union select unnest(p.proallargtypes) from procs p
  ),
  types as (
    select t.oid as _id, t.* from pg_type t
    where t.typnamespace in (select _id from ours)
      or t.typnamespace = 'pg_catalog'::regnamespace and t.typrelid = 0
        and not exists (select from pg_type e where e.oid = t.typelem and e.typrelid <> 0)
      or t.oid in (select type_id from used)
      or t.oid in (select unnest(array[u.typelem, u.typbasetype, u.typarray]) from pg_type u join used on used.type_id = u.oid)
  ),
  enums as (
    select e.oid as _id, e.* from pg_enum e where e.enumtypid in (select _id from types)
  ),
  indexes as (
    select i.* from pg_index i where i.indrelid in (select _id from classes)
  ),
  objects as (
    select 'pg_namespace'::regclass::oid as class_id, _id from namespaces
    union all select 'pg_class'::regclass, _id from classes
    union all select 'pg_constraint'::regclass, _id from constraints
    union all select 'pg_proc'::regclass, _id from procs
    union all select 'pg_type'::regclass, _id from types where typnamespace <> 'pg_catalog'::regnamespace
  )
select json_build_object(
  'database', (select row_to_json(x) from (select d.oid as _id, d.* from pg_database d where d.datname = current_database()) x),
  'namespaces', (select coalesce(json_agg(x order by x.nspname), '[]') from namespaces x),
  'classes', (select coalesce(json_agg(x order by x.relnamespace, x.relname), '[]') from classes x),
  'attributes', (select coalesce(json_agg(x order by x.attrelid, x.attnum), '[]') from attributes x),
  'constraints', (select coalesce(json_agg(x order by x.connamespace, x.conrelid, x.conname), '[]') from constraints x),
  'procs', (select coalesce(json_agg(x order by x.pronamespace, x.proname, pg_get_function_identity_arguments(x._id)), '[]') from procs x),
  'roles', (select coalesce(json_agg(x order by x.rolname), '[]') from roles x),
  'auth_members', (select coalesce(json_agg(x order by x.roleid, x.member, x.grantor), '[]') from auth_members x),
  'types', (select coalesce(json_agg(x order by x.typnamespace, x.typname), '[]') from types x),
  'enums', (select coalesce(json_agg(x order by x.enumtypid, x.enumsortorder), '[]') from enums x),
  'extensions', (select coalesce(json_agg(x order by x.extname), '[]') from (select e.oid as _id, e.* from pg_extension e) x),
  'indexes', (select coalesce(json_agg(x order by x.indrelid, x.indexrelid), '[]') from indexes x),
  'inherits', (select coalesce(json_agg(x order by x.inhrelid, x.inhseqno), '[]') from pg_inherits x
               where x.inhrelid in (select _id from classes)),
  'languages', (select coalesce(json_agg(x order by x.lanname), '[]') from (select l.oid as _id, l.* from pg_language l) x),
  'policies', (select coalesce(json_agg(x order by x.polrelid, x.polname), '[]') from pg_policy x
               where x.polrelid in (select _id from classes)),
  'ranges', (select coalesce(json_agg(x order by x.rngtypid), '[]') from pg_range x where x.rngtypid in (select _id from types)),
  'depends', (select coalesce(json_agg(x order by x.classid, x.objid, x.objsubid, x.refclassid, x.refobjid, x.refobjsubid), '[]')
              from pg_depend x where x.deptype in ('a', 'e') and (x.classid, x.objid) in (select class_id, _id from objects)),
  'descriptions', (select coalesce(json_agg(x order by x.objoid, x.classoid, x.objsubid), '[]')
                   from pg_description x where (x.classoid, x.objoid) in (select class_id, _id from objects)),
  'am', (select coalesce(json_agg(x order by x.amname), '[]') from (select a.oid as _id, a.* from pg_am a) x),
  'catalog_by_oid', (select json_object_agg(c.oid::text, c.relname order by c.relname) from pg_class c
                     where c.relnamespace = 'pg_catalog'::regnamespace and c.relkind = 'r'),
  'current_user', current_user,
  'pg_version', version(),
  'introspection_version', 1)::text
$$;

comment on function tmidb.introspection() is 'The catalog of the exposed schemas, as PostGraphile reads it.';
revoke all on function tmidb.introspection() from public;
grant execute on function tmidb.introspection() to tmidb_api, tmidb_admin;
