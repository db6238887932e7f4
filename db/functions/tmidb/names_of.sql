-- SPDX-License-Identifier: MIT
-- The top-level keys that a version's packed values stand for, in order. Nested fields name the key they are in, each time; its
-- value is packed where it is named first.
create or replace function tmidb.names_of(p_version_id integer) returns text[]
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
  select array(select coalesce(f->'path'->>0, f->>'name') from jsonb_array_elements(v.fields) with ordinality a(f, o) order by o)
  from tmidb.schema_version v where v.version_id = p_version_id
$$;

comment on function tmidb.names_of(integer) is 'Top-level key of each field of a schema version, in their order.';
revoke all on function tmidb.names_of(integer) from public;
