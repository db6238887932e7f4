-- SPDX-License-Identifier: MIT
-- after: exposed_schemas
-- Whether anything changed that the API shows, where no event trigger can say so: numbers that change with every change of the
-- catalog in the exposed schemas (each changed row gets a transaction's number that no earlier one had). Null: the triggers are there
-- and nobody has to ask. 4 ms with 200 categories.
create or replace function tmidb.api_fingerprint() returns text
language sql stable set search_path = pg_catalog, pg_temp
as $$
  with exposed as (
    select n.oid, n.xmin from pg_namespace n where n.nspname in (select tmidb.exposed_schemas())
  ), class as (
    select c.oid, c.xmin from pg_class c where c.relnamespace in (select oid from exposed)
  ), proc as (
    select p.oid, p.xmin from pg_proc p where p.pronamespace in (select oid from exposed)
  ), type as (
    select t.oid, t.xmin from pg_type t where t.typnamespace in (select oid from exposed)
  ), seen as (
    select 1 as part, oid, xmin from exposed
    union all select 2, oid, xmin from class
    union all select 3, oid, xmin from proc
    union all select 4, oid, xmin from type
    union all select 5, a.attrelid, a.xmin from pg_attribute a where a.attrelid in (select oid from class)
    union all select 6, k.oid, k.xmin from pg_constraint k where k.connamespace in (select oid from exposed)
    union all select 7, e.oid, e.xmin from pg_enum e where e.enumtypid in (select oid from type)
    union all select 8, d.objoid, d.xmin from pg_description d
      where d.objoid in (select oid from class union all select oid from proc union all select oid from type)
  ), summed as (
    select part, count(*) as n, sum(oid::bigint) as oids, sum(xmin::text::bigint) as changes from seen group by part
  )
  select string_agg(concat_ws(' ', part, n, oids, changes), ',' order by part) from summed
  where (select count(*) from pg_event_trigger where evtname in ('tmidb_ddl', 'tmidb_drop') and evtenabled in ('O', 'A')) < 2
$$;

comment on function tmidb.api_fingerprint() is
  'Changes when anything does that the API shows; null where event triggers say so by themselves.';
revoke all on function tmidb.api_fingerprint() from public;
grant execute on function tmidb.api_fingerprint() to tmidb_api;
