-- SPDX-License-Identifier: MIT
-- A target by hand, or its new name and attributes; readings make targets by themselves.
create or replace function tmidb.create_target(p_key text, p_name text default null, p_meta jsonb default null) returns uuid
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  insert into tmidb.target as t (key, name, meta) values (p_key, p_name, coalesce(p_meta, '{}'))
  on conflict (key) do update set name = coalesce(excluded.name, t.name), meta = t.meta || coalesce(p_meta, '{}')
  returning target_id
$$;

comment on function tmidb.create_target(text, text, jsonb) is 'Makes a target, or sets name and adds attributes of one; returns target_id.';
revoke all on function tmidb.create_target(text, text, jsonb) from public;
grant execute on function tmidb.create_target(text, text, jsonb) to tmidb_editor, tmidb_admin;
