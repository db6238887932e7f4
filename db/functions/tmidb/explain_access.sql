-- SPDX-License-Identifier: MIT
-- after: who_named, grant_words, field_rights, cutoffs, mask_at, shown_at, read_grants, compile_rules, is_in_group, age_prefix
-- May somebody do it, and what decides. It is told from the grants, and then compared with what the rules that policies and views look
-- up say of the same reading: where the two disagree it raises, so it never says what is not so. What is left out means any: without a
-- target, whether there is one.
create or replace function tmidb.explain_access(p_who text, p_category text default null, p_target text default null, p_field text default null,
  p_ts timestamptz default now(), p_action text default 'read', p_address inet default null,
  out verdict boolean, out grant_id bigint, out because text, out steps text[], out grants jsonb)
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
  v_who constant jsonb := tmidb.who_named(p_who, p_action, p_address);
  v_name constant text := v_who->>'who';
  v_role constant text := v_who->>'role';
  v_problems text[] := array(select jsonb_array_elements_text(v_who->'problems'));
  v_ts constant timestamptz := coalesce(p_ts, now());
  v_rights constant text[] := tmidb.field_rights(p_field);
  -- What is not there is no number of a category: only rules for all of them speak of it.
  v_category constant smallint := coalesce((select category_id from tmidb.category where name = p_category), -1);
  v_target tmidb.target;
  v_reasons text[];
  v_everything text;
  v_rules jsonb;
  v_cutoffs timestamptz[];
  v_prefix text;
  v_shown boolean;
begin
  if p_action is null or p_action <> all (array['read', 'write', 'command', 'admin']) then
    raise exception 'There is no such action: %.', p_action using errcode = 'TM108', hint = 'Use read, write, command, admin.';
  end if;
  select * into v_target from tmidb.target where key = p_target;

  -- Each grant, with all that keeps it from applying; what nearly applied first.
  select jsonb_agg(jsonb_build_object('grant_id', g.grant_id, 'grant', tmidb.grant_words(g), 'applies', cardinality(w.why) = 0, 'why',
      case when cardinality(w.why) = 0 then 'it applies' else array_to_string(w.why, '; ') end) order by cardinality(w.why), g.grant_id),
    array_agg('grant ' || g.grant_id || ': ' || array_to_string(w.why, '; ') order by cardinality(w.why), g.grant_id) filter (where cardinality(w.why) > 0)
  into grants, v_reasons
  from tmidb.access_grant g
  left join tmidb.target_group t using (group_id)
  cross join lateral (select array_remove(array[
    case when not p_action = any(g.actions) then format('it allows to %s, not to %s', array_to_string(g.actions, ' and '), p_action) end,
    case when p_category is not null and g.category_id <> v_category then 'it is of category ' || (select name from tmidb.category where category_id = g.category_id) end,
    case
      when p_target is null and g.group_id is not null and not exists (
        select from tmidb.target m where tmidb.is_in_group(t.path, m.key, m.name, m.meta))
        then format('no target is in group %s now: %s', t.name, t.condition)
      when p_target is null then null
      when g.target_id is distinct from v_target.target_id and g.target_id is not null
        then 'it is of target ' || (select key from tmidb.target where target_id = g.target_id)
      when g.group_id is not null and v_target.target_id is null then format('there is no target %s yet, so it is not in group %s', p_target, t.name)
      when g.group_id is not null and tmidb.is_in_group(t.path, v_target.key, v_target.name, v_target.meta) is not true
        then format('%s is not in group %s: %s is not so for meta %s', p_target, t.name, t.condition, left(v_target.meta::text, 200)) end,
    case when p_action = 'read' and v_ts < now() - g.time_window
      then format('the reading of %s is older than %s', to_char(v_ts at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS"Z"'), tmidb.interval_words(g.time_window)) end,
    case when p_action = 'read' and p_field is not null and not g.fields && v_rights
      then format('the field %s is not among %s', p_field, coalesce(nullif(array_to_string(g.fields, ', '), ''), 'none')) end], null) as why) w
  where g.listener_id = (v_who->>'listener_id')::bigint or g.account_id = (v_who->>'account_id')::bigint
    or g.role_id = (v_who->>'role_id')::smallint or g.speaker_id = (v_who->>'speaker_id')::bigint;
  grants := coalesce(grants, '[]');

  v_everything := case
    when v_role in ('tmidb_admin', 'tmidb_editor') then format('the role %s sees and does everything', v_who->>'role_name')
    when v_role = 'tmidb_viewer' and p_action = 'read' then format('the role %s sees everything', v_who->>'role_name')
    when v_role = 'tmidb_speaker' and p_action = 'write'
      and not (select is_restricted from tmidb.speaker where speaker_id = (v_who->>'speaker_id')::bigint)
      then format('%s was never granted anything, so it writes everywhere', v_name) end;
  v_problems := v_problems || array_remove(array[
    case when v_role = 'tmidb_viewer' and p_action <> 'read' then format('the role %s sees everything and changes nothing', v_who->>'role_name') end,
    case when v_role = 'tmidb_listener' and p_action <> 'read' then 'a listener only reads' end,
    case when v_role = 'tmidb_speaker' and p_action = 'read' then 'a speaker reads nothing' end,
    (select format('this speaker writes only its own target, %s', t.key) from tmidb.speaker s join tmidb.target t using (target_id)
      where s.speaker_id = (v_who->>'speaker_id')::bigint and p_action = 'write' and t.key <> p_target),
    (select 'this speaker may not make new targets or categories' from tmidb.speaker s
      where s.speaker_id = (v_who->>'speaker_id')::bigint and p_action = 'write' and not s.may_create
        and (p_target is not null and v_target.target_id is null or p_category is not null and v_category = -1))], null);

  verdict := v_everything is not null or coalesce((grants->0->>'applies')::boolean, false);
  if v_everything is null and p_action = 'read' and v_role in ('tmidb_listener', 'tmidb_member') then
    v_rules := case
      when v_who ? 'listener_id' then (select c.rules from tmidb.permission_class c join tmidb.listener l using (class_id) where l.listener_id = (v_who->>'listener_id')::bigint)
      when v_who ? 'account_id' then (select c.rules from tmidb.permission_class c join tmidb.account a using (class_id) where a.account_id = (v_who->>'account_id')::bigint)
      else tmidb.compile_rules(tmidb.read_grants(null, null, (v_who->>'role_id')::smallint)) end;
    v_cutoffs := tmidb.cutoffs(v_rules);
    if p_category is not null and p_target is not null then
      v_shown := case when p_field is null then tmidb.shown_at(v_rules, v_cutoffs, v_category, coalesce(v_target.target_id, '00000000-0000-0000-0000-000000000000'), v_ts)
        else tmidb.mask_at(v_rules, v_cutoffs, v_category, coalesce(v_target.target_id, '00000000-0000-0000-0000-000000000000'), v_ts) ?| v_rights end;
    else
      v_prefix := tmidb.age_prefix(v_cutoffs, v_ts);
      v_shown := exists (
        select from jsonb_each(v_rules) r(key, mask), lateral (select substr(r.key, length(v_prefix) + 1)) k(key)
        where r.key ~ ('^' || v_prefix || '(\d+|\*)/')
          and (p_category is null or split_part(k.key, '/', 1) in ('*', v_category::text))
          and (p_target is null or split_part(k.key, '/', 2) in ('*', v_target.target_id::text))
          and (p_field is null or r.mask ?| v_rights));
    end if;
    if v_shown is distinct from verdict then
      raise exception 'The grants of % say %, its rules %.', v_name, verdict, coalesce(v_shown::text, 'nothing') using errcode = 'TM500',
        hint = 'Have the rules worked out anew: select tmidb.compile_classes(array(select group_id from tmidb.target_group)).';
    end if;
  end if;

  verdict := verdict and cardinality(v_problems) = 0;
  if verdict then
    grant_id := case when v_everything is null then (grants->0->>'grant_id')::bigint end;
    because := coalesce(v_everything, grants->0->>'grant');
    steps := '{}';
  else
    steps := v_problems || case when v_everything is not null or coalesce((grants->0->>'applies')::boolean, false) then '{}' else array_remove(array[
        case when p_category is not null and v_category = -1 then format('there is no category %s', p_category) end,
        case when p_target is not null and v_target.target_id is null then format('there is no target %s', p_target) end,
        case when jsonb_array_length(grants) = 0 then format('%s was granted nothing', v_name)
          when p_category is not null and not exists (select from jsonb_array_elements(grants) g where g->>'why' !~ 'it is of category')
            then format('there is no grant of %s for category %s', v_name, p_category) end], null) || coalesce(v_reasons, '{}') end;
    because := steps[1];
  end if;
end $$;
comment on function tmidb.explain_access(text, text, text, text, timestamptz, text, inet) is
  'Whether listener:<name>, user:<login>, role:<name>, speaker:<name> or token:<prefix> may read (write, command, admin) a field of a reading of a category, target and time, which grant decides, for a no each step that failed, and every grant with why it does or does not apply. Null: any. TM107: there is nobody of that name; TM108: there is no such action.';
revoke all on function tmidb.explain_access(text, text, text, text, timestamptz, text, inet) from public;
grant execute on function tmidb.explain_access(text, text, text, text, timestamptz, text, inet) to tmidb_admin;
