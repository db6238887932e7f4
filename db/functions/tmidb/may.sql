-- SPDX-License-Identifier: MIT
-- after: identity, rules, cutoffs, shown_at, granted_targets, refused_targets
-- Whether the one who asks may do something; for policies of users' own tables too. In a policy it runs once a row unless it is asked as
-- (select tmidb.may('write', 'sensor')), which runs once a query.
create or replace function tmidb.may(p_action text, p_category text default null, p_target text default null) returns boolean
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_who jsonb := tmidb.identity();
  v_role text := v_who->>'role';
  v_speaker bigint := (v_who->>'speaker_id')::bigint;
  v_account bigint := (v_who->>'account_id')::bigint;
  v_rules jsonb;
begin
  if p_action not in ('read', 'write', 'command', 'admin') then
    raise exception 'There is no such action: %.', p_action using errcode = 'TM108', hint = 'Use read, write, command, admin.';
  elsif p_action = 'read' then
    v_rules := tmidb.rules();
    -- What is not there has no key of its own.
    return coalesce(tmidb.shown_at(v_rules, tmidb.cutoffs(v_rules), (select category_id from tmidb.category where name = p_category),
      (select target_id from tmidb.target where key = p_target), 'infinity'), false);
  elsif (p_action = 'command' or p_action = 'admin' and v_role = 'tmidb_member')
    and exists (select from tmidb.token t where t.token_id = (v_who->>'token_id')::bigint and not t.scopes && array[p_action, 'admin']) then
    -- What of scopes the request role does not say.
    return false;
  elsif v_role in ('tmidb_admin', 'tmidb_editor') then
    return true;
  elsif v_role not in ('tmidb_member', 'tmidb_speaker') then
    return false;
  elsif p_action = 'write' and v_speaker is not null then
    return not exists (select from tmidb.refused_targets(v_speaker, p_category, array[p_target]));
  end if;
  -- A token that only writes lends nothing else of its person.
  return exists (select from tmidb.granted_targets(p_action, v_speaker, case v_role when 'tmidb_member' then v_account end, p_category, array[p_target]));
end $$;
comment on function tmidb.may(text, text, text) is
  'Whether the one who asks may read, write, command or admin: a category and a target, by its key; null: all of them.';
revoke all on function tmidb.may(text, text, text) from public;
grant execute on function tmidb.may(text, text, text) to tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
