-- SPDX-License-Identifier: MIT
-- after: compile_rules
-- The permission class of a set of grants, made at need.
create or replace function tmidb.class_of_grants(p_grants jsonb) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  update tmidb.permission_class set left_at = null where grants_md5 = md5(p_grants::text) and left_at is not null;
  select class_id into v_id from tmidb.permission_class where grants_md5 = md5(p_grants::text);
  if v_id is null then
    insert into tmidb.permission_class (grants, rules) values (p_grants, tmidb.compile_rules(p_grants))
    on conflict (grants_md5) do update set left_at = null returning class_id into v_id;
  end if;
  return v_id;
end $$;
comment on function tmidb.class_of_grants(jsonb) is 'class_id of a set of grants.';
revoke all on function tmidb.class_of_grants(jsonb) from public;
