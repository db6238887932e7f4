-- SPDX-License-Identifier: MIT
-- after: classify, create_target, group_named, holder_named, category_named_or_made
-- Lets somebody do something. Null means all: categories, targets, fields; however old. Saying it again for the same holder, actions,
-- category, targets and window replaces the fields; several grants add up. Categories and targets may be named before their first
-- reading. A speaker that has a grant writes only what it was granted.
create or replace function tmidb.grant_access(p_to text, p_actions text[] default '{read}', p_category text default null,
  p_targets text[] default null, p_group text default null, p_fields text[] default null, p_window interval default null)
returns bigint[]
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_to tmidb.access_grant := tmidb.holder_named(p_to);
  v_actions text[] := array(select distinct a from unnest(p_actions) a order by a);
  v_category smallint := tmidb.category_named_or_made(p_category);
  v_grants bigint[];
  v_group int := case when p_group is not null then tmidb.group_named(p_group) end;
begin
  if not v_actions <@ array['read', 'write', 'command', 'admin'] or cardinality(v_actions) = 0 then
    raise exception 'There is no such action: %.', array_to_string(p_actions, ', ') using errcode = 'TM108', hint = 'Use read, write, command, admin.';
  elsif v_to.listener_id is not null and v_actions <> '{read}' then
    raise exception 'A listener only reads.' using errcode = 'TM108', hint = 'Grant it to a speaker, a user or a role.';
  elsif v_to.speaker_id is not null and 'read' = any(v_actions) then
    raise exception 'A speaker does not read.' using errcode = 'TM108', hint = 'Grant it to a listener, a user or a role.';
  elsif p_targets is not null and p_group is not null then
    raise exception 'Say either targets or a group.' using errcode = 'TM108', hint = 'Two grants add up.';
  elsif p_window not between interval '1 second' and interval '100 years' then
    raise exception 'The time window % cannot be used.', p_window using errcode = 'TM108', hint = 'Say an interval like ''24 hours''.';
  elsif v_to.role_id is not null and exists (
      select from tmidb.access_role where role_id = v_to.role_id and request_role <> 'tmidb_member') then
    raise exception 'This role sees everything as it is.' using errcode = 'TM108', hint = 'Make a role of your own: select tmidb.create_role(name).';
  elsif v_to.account_id is not null and exists (
      select from tmidb.account join tmidb.access_role using (role_id)
      where account_id = v_to.account_id and request_role <> 'tmidb_member') then
    raise exception 'The role of this user says it all: a grant would change nothing.' using errcode = 'TM108',
      hint = 'Give them a role of your own first: select tmidb.set_account_role(login, role).';
  elsif v_actions = '{admin}' and p_category is not null then
    raise exception 'The action admin is about targets, not about their readings.' using errcode = 'TM108', hint = 'Leave the category out.';
  elsif array_position(p_fields, null) is not null or array_position(p_targets, null) is not null then
    raise exception 'A field or target that is granted has a name.' using errcode = 'TM108', hint = 'Leave the list out for all of them.';
  end if;
  -- As tmidb.classify does, but before a target is made here.
  lock table tmidb.target_group in exclusive mode;
  with made as (
    insert into tmidb.access_grant as g (listener_id, account_id, role_id, speaker_id, actions, category_id, target_id, group_id, fields, time_window)
    select v_to.listener_id, v_to.account_id, v_to.role_id, v_to.speaker_id, v_actions, v_category,
      case when k is not null then tmidb.create_target(k) end, v_group, p_fields, p_window
    from (select distinct unnest(coalesce(p_targets, array[null::text])) as k) t
    on conflict (listener_id, account_id, role_id, speaker_id, category_id, target_id, group_id, time_window, actions)
      do update set fields = excluded.fields
    returning g.grant_id)
  select array_agg(grant_id order by grant_id) into v_grants from made;
  update tmidb.speaker set is_restricted = true where speaker_id = v_to.speaker_id and not is_restricted;
  perform tmidb.classify_holder(v_to);
  return v_grants;
end $$;
comment on function tmidb.grant_access(text, text[], text, text[], text, text[], interval) is
  'Lets listener:<name>, user:<login>, role:<name> or speaker:<name> do actions (read, write, command, admin) with a category, targets or a group of targets, fields, readings of a time window; null: all. Gives the grants'' numbers. TM107: there is no such holder or group; TM108: what cannot be granted.';
revoke all on function tmidb.grant_access(text, text[], text, text[], text, text[], interval) from public;
grant execute on function tmidb.grant_access(text, text[], text, text[], text, text[], interval) to tmidb_admin;
