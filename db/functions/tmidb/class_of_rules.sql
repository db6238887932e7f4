-- SPDX-License-Identifier: MIT
-- The permission class of a set of rules, made at need.
create or replace function tmidb.class_of_rules(p_rules jsonb) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  insert into tmidb.permission_class (rules) values (p_rules) on conflict (rules_md5) do nothing returning class_id into v_id;
  if v_id is null then
    select class_id into v_id from tmidb.permission_class where rules_md5 = md5(p_rules::text);
  end if;
  return v_id;
end $$;

comment on function tmidb.class_of_rules(jsonb) is 'class_id of a set of rules.';
revoke all on function tmidb.class_of_rules(jsonb) from public;
