-- SPDX-License-Identifier: MIT
-- after: compile_rules
-- Works the rules of permission classes out anew: of those that speak of one of these groups, or of all. A class keeps its identity, so
-- open sockets see the change with their next event.
create or replace function tmidb.compile_classes(p_groups integer[] default null) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  update tmidb.permission_class c set rules = n.rules
  from (
    select class_id, tmidb.compile_rules(grants) as rules from tmidb.permission_class
    where p_groups is null or exists (select from jsonb_array_elements(grants) g where (g->>'g')::int = any(p_groups))) n
  where n.class_id = c.class_id and n.rules <> c.rules
$$;
comment on function tmidb.compile_classes(integer[]) is 'Works the rules of the classes that speak of these groups out anew; null: of all.';
revoke all on function tmidb.compile_classes(integer[]) from public;
