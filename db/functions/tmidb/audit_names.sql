-- SPDX-License-Identifier: MIT
-- The audit is read by people, also when what it speaks of is gone: the names of whatever a row points at, as they are now.
create or replace function tmidb.audit_names(p_row jsonb) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_column text;
  v_table text;
  v_name text;
  v_found text;
  v_names jsonb := '{}';
begin
  for v_column, v_table, v_name in
    select c.id, c.tab, c.name
    from (values ('listener_id', 'listener', 'name'), ('speaker_id', 'speaker', 'name'), ('account_id', 'account', 'login'),
      ('role_id', 'access_role', 'name'), ('category_id', 'category', 'name'), ('target_id', 'target', 'key'),
      ('group_id', 'target_group', 'name')) as c(id, tab, name)
    where jsonb_typeof(p_row->c.id) <> 'null' and to_regclass('tmidb.' || c.tab) is not null
  loop
    execute format('select %I::text from tmidb.%I where %I = $1::%s', v_name, v_table, v_column,
      case v_column when 'target_id' then 'uuid' else 'bigint' end) into v_found using p_row->>v_column;
    v_names := v_names || jsonb_build_object(case v_column when 'account_id' then 'user' else left(v_column, -3) end, coalesce(v_found, '#' || (p_row->>v_column)));
  end loop;
  return v_names;
end $$;

comment on function tmidb.audit_names(jsonb) is 'Of a row with ids the names: {"listener", "speaker", "user", "role", "category", "target", "group"}; of what is gone "#<id>".';
revoke all on function tmidb.audit_names(jsonb) from public;
