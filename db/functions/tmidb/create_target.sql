-- SPDX-License-Identifier: MIT
-- after: audit_target
-- A target by hand, or its new name and attributes; readings make targets by themselves.
create or replace function tmidb.create_target(p_key text, p_name text default null, p_meta jsonb default null) returns uuid
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id uuid;
  v_is_new boolean;
begin
  insert into tmidb.target as t (key, name, meta) values (p_key, p_name, coalesce(p_meta, '{}'))
  on conflict (key) do update set name = coalesce(excluded.name, t.name), meta = t.meta || coalesce(p_meta, '{}')
  returning t.target_id, t.xmax = 0 into v_id, v_is_new;
  if v_is_new then perform tmidb.audit_target(v_id); end if;
  return v_id;
exception
  when check_violation or not_null_violation then
    raise exception 'The target % cannot be kept.', coalesce(quote_literal(left(p_key, 80)), 'null') using errcode = 'TM105',
      hint = 'A key has 1 to 256 bytes; meta is a JSON object.';
end $$;

comment on function tmidb.create_target(text, text, jsonb) is 'Makes a target, or sets name and adds attributes of one; returns target_id. TM105: its key or meta cannot be used.';
revoke all on function tmidb.create_target(text, text, jsonb) from public;
grant execute on function tmidb.create_target(text, text, jsonb) to tmidb_editor, tmidb_admin;
