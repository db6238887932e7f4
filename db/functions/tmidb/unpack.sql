-- SPDX-License-Identifier: MIT
-- after: names_of
-- The payload that was packed. A loop, because a query would be planned for every reading.
create or replace function tmidb.unpack(p_names text[], p_compact bytea) returns jsonb
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  v_hex text := encode(p_compact, 'hex');
  v_end int := position('e' in v_hex);
  v_slots text[] := string_to_array(left(v_hex, v_end - 1), 'c');
  v_others text[];
  v_next int := 1;
  v_out text := '{';
begin
  for i in 1..cardinality(v_slots) loop
    if v_slots[i] = '' then continue; end if;
    if v_out <> '{' then v_out := v_out || ','; end if;
    if v_slots[i] = 'f' then
      if v_others is null then
        v_others := string_to_array(convert_from(substr(p_compact, (v_end + 1) / 2 + 1), 'UTF8'), E'\n');
      end if;
      v_out := v_out || to_json(p_names[i])::text || ':' || v_others[v_next];
      v_next := v_next + 1;
    else
      v_out := v_out || to_json(p_names[i])::text || ':' || translate(v_slots[i], 'ab', '.-');
    end if;
  end loop;
  return (v_out || '}')::jsonb;
end $$;

create or replace function tmidb.unpack(p_version_id integer, p_compact bytea) returns jsonb
language plpgsql stable strict parallel safe security definer set search_path = pg_catalog, pg_temp
as $$
begin
  return tmidb.unpack(tmidb.names_of(p_version_id), p_compact);
end $$;

comment on function tmidb.unpack(text[], bytea) is 'The payload of packed values and their names.';
comment on function tmidb.unpack(integer, bytea) is 'The payload of a packed reading.';
revoke all on function tmidb.unpack(text[], bytea) from public;
revoke all on function tmidb.unpack(integer, bytea) from public;
grant execute on function tmidb.unpack(integer, bytea) to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
