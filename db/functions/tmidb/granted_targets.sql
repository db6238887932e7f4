-- SPDX-License-Identifier: MIT
-- after: is_in_group
-- Of these targets the ones with which a speaker or a person may do something, by grants of its own and of its role. A target that
-- there is not is in a group whose condition it meets with nothing said of it; null stands for all targets, and category null for all
-- categories.
create or replace function tmidb.granted_targets(p_action text, p_speaker_id bigint, p_account_id bigint, p_category text, p_targets text[])
returns setof text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with said as materialized (
    select a.target_id, a.group_id, g.path
    from tmidb.access_grant a left join tmidb.target_group g using (group_id)
    where p_action = any(a.actions)
      and (a.speaker_id = p_speaker_id or a.account_id = p_account_id
        or a.role_id = (select role_id from tmidb.account where account_id = p_account_id))
      and (a.category_id is null or a.category_id = (select category_id from tmidb.category where name = p_category))
  )
  select k.key
  from unnest(p_targets) k(key) left join tmidb.target t on t.key = k.key
  where exists (
    select from said s where s.target_id is null and s.group_id is null or s.target_id = t.target_id
      or k.key is not null and tmidb.is_in_group(s.path, k.key, t.name, coalesce(t.meta, '{}')))
$$;
comment on function tmidb.granted_targets(text, bigint, bigint, text, text[]) is
  'Of these targets (null: all) the ones with which a speaker or an account may do this in a category (null: all), by its grants.';
revoke all on function tmidb.granted_targets(text, bigint, bigint, text, text[]) from public;
