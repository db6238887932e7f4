-- SPDX-License-Identifier: MIT
-- A connector by its name, or TM107.
create or replace function tmidb.connector_named(p_name text) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  select connector_id into v_id from tmidb.ingest_connector where name = p_name;
  if not found then
    raise exception 'There is no connector named %.', quote_literal(p_name) using errcode = 'TM107',
      hint = '"tmictl connector list" shows the names.';
  end if;
  return v_id;
end $$;

comment on function tmidb.connector_named(text) is 'Identity of a connector by its name; TM107 if there is none.';
revoke all on function tmidb.connector_named(text) from public;
