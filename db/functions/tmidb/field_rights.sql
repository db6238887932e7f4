-- SPDX-License-Identifier: MIT
-- after: field_path, key_name
-- Under which names a mask may show a field: all, the objects that it is in, and its own.
create or replace function tmidb.field_rights(p_name text) returns text[]
language plpgsql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
declare
  v_path constant text[] := tmidb.field_path(p_name);
  v_name text := tmidb.key_name(v_path[1]);
  v_rights text[] := array['*', v_name];
begin
  for i in 2..cardinality(v_path) loop
    v_name := v_name || '.' || tmidb.key_name(v_path[i]);
    v_rights := v_rights || v_name;
  end loop;
  return v_rights;
end $$;

comment on function tmidb.field_rights(text) is 'Names of which one in a mask shows this field: gps.lat is shown by *, gps and gps.lat.';
revoke all on function tmidb.field_rights(text) from public;
