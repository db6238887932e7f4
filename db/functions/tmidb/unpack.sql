-- SPDX-License-Identifier: MIT
-- after: names_of
-- The payload that was packed; 12 us a reading of six fields.
create or replace function tmidb.unpack(p_names text[], p_compact bytea) returns jsonb
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select coalesce(jsonb_object_agg(p_names[x.o], case x.slot when 'f' then x.others[x.nth]::jsonb else translate(x.slot, 'ab', '.-')::jsonb end)
    filter (where x.slot <> ''), '{}')
  from (
    select s.slot, s.o, count(*) filter (where s.slot = 'f') over (order by s.o) as nth, b.others
    from (select encode(p_compact, 'hex') as hex offset 0) h
    cross join lateral (select position('e' in h.hex) as at offset 0) e
    cross join lateral (
      select string_to_array(convert_from(substr(p_compact, (e.at + 1) / 2 + 1), 'UTF8'), E'\n') as others offset 0) b
    cross join lateral unnest(string_to_array(left(h.hex, e.at - 1), 'c')) with ordinality s(slot, o)) x
$$;

create or replace function tmidb.unpack(p_version_id integer, p_compact bytea) returns jsonb
language sql stable parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
  select tmidb.unpack(tmidb.names_of(p_version_id), p_compact)
$$;

comment on function tmidb.unpack(text[], bytea) is 'The payload of packed values and their names.';
comment on function tmidb.unpack(integer, bytea) is 'The payload of a packed reading.';
revoke all on function tmidb.unpack(text[], bytea) from public;
revoke all on function tmidb.unpack(integer, bytea) from public;
grant execute on function tmidb.unpack(integer, bytea) to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
