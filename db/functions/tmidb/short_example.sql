-- SPDX-License-Identifier: MIT
-- A payload small enough to be shown: long values are cut to their first characters (objects and arrays become text by that), then
-- fields are left out from the end.
create or replace function tmidb.short_example(p_payload jsonb) returns jsonb
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case when octet_length(p_payload::text) <= 8192 then p_payload else (
    select coalesce(jsonb_object_agg(key, value), '{}') from (
      select key, value, sum(octet_length(to_json(key)::text) + octet_length(value::text) + 4) over (order by o) as bytes
      from (select o, key, case when octet_length(value::text) > 500 then to_jsonb(left(value #>> '{}', 200) || '…') else value end as value
            from jsonb_each(p_payload) with ordinality a(key, value, o)) cut) summed
    where bytes <= 8000) end
$$;

comment on function tmidb.short_example(jsonb) is 'The payload, cut to at most 8 kB.';
revoke all on function tmidb.short_example(jsonb) from public;
