-- SPDX-License-Identifier: MIT
-- after: compile_rules, compile_classes, channel, is_in_group
-- A target joins and leaves groups with the statement that makes or changes it, so that its first reading is already shown to whoever
-- is to see it. New targets are added to the rules of the classes concerned; a target that changed has them worked out anew.
create or replace function tmidb.tg_target__join_groups() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_groups int[];
begin
  if not exists (select from tmidb.target_group) then return null; end if;
  if TG_OP = 'INSERT' then
    v_groups := array(
      select g.group_id from tmidb.target_group g where exists (
        select from made t where tmidb.is_in_group(g.path, t.key, t.name, t.meta)));
    update tmidb.permission_class c set rules = c.rules || tmidb.compile_rules(c.grants, array(select target_id from made))
    where exists (select from jsonb_array_elements(c.grants) g where (g->>'g')::int = any(v_groups));
  else
    v_groups := array(
      select g.group_id from tmidb.target_group g where exists (
        select from made n join gone o using (target_id)
        where tmidb.is_in_group(g.path, n.key, n.name, n.meta)
          is distinct from tmidb.is_in_group(g.path, o.key, o.name, o.meta)));
    if cardinality(v_groups) > 0 then perform tmidb.compile_classes(v_groups); end if;
  end if;
  -- The doors remember who may write what; of a target that is made by a reading they were right.
  if exists (select from tmidb.access_grant where group_id is not null and 'write' = any(actions))
     and (TG_OP = 'UPDATE' and cardinality(v_groups) > 0 or TG_OP = 'INSERT' and exists (select from made where meta <> '{}' or name is not null)) then
    perform pg_notify(tmidb.channel('access'), 'target');
  end if;
  return null;
end $$;
comment on function tmidb.tg_target__join_groups() is 'Adds new and changed targets to the rules of who was granted something of their groups.';
revoke all on function tmidb.tg_target__join_groups() from public;
create or replace trigger join_groups_new after insert on tmidb.target
  referencing new table as made for each statement execute function tmidb.tg_target__join_groups();
create or replace trigger join_groups_changed after update on tmidb.target
  referencing new table as made old table as gone for each statement execute function tmidb.tg_target__join_groups();
