-- SPDX-License-Identifier: MIT
-- after: interval_words
-- A grant as one says it: grant 17: group busan, category sensor, fields temp, last 24 hours.
create or replace function tmidb.grant_words(p_grant tmidb.access_grant) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select concat_ws(', ',
    format('grant %s%s: %s', p_grant.grant_id,
      case when p_grant.role_id is not null then ' of the role ' || (select name from tmidb.access_role where role_id = p_grant.role_id) end,
      case
        when p_grant.target_id is not null then 'target ' || (select key from tmidb.target where target_id = p_grant.target_id)
        when p_grant.group_id is not null then 'group ' || (select name from tmidb.target_group where group_id = p_grant.group_id)
        else 'all targets' end),
    coalesce('category ' || (select name from tmidb.category where category_id = p_grant.category_id), 'all categories'),
    case when p_grant.fields is null then 'all fields' when p_grant.fields = '{}' then 'no fields' else 'fields ' || array_to_string(p_grant.fields, ' ') end,
    'last ' || tmidb.interval_words(p_grant.time_window),
    case when p_grant.actions <> '{read}' then 'to ' || array_to_string(p_grant.actions, ' and ') end)
$$;
comment on function tmidb.grant_words(tmidb.access_grant) is 'A grant in words.';
revoke all on function tmidb.grant_words(tmidb.access_grant) from public;
