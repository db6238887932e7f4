-- SPDX-License-Identifier: MIT
-- Claims that tell the planner what to expect: "few" of who sees a tenth of the targets at most, each by its own name. Doors ask again
-- when access changes; a group that grows in between costs time, no row (see the policy of tmidb.target).
create or replace function tmidb.with_reach(p_claims jsonb) returns jsonb
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select p_claims || case when exists (
    select from tmidb.permission_class c
    where p_claims->>'role' in ('tmidb_listener', 'tmidb_member') and not c.rules ? 't/*'
      and c.class_id = case when p_claims ? 'listener_id' then (select class_id from tmidb.listener where listener_id = (p_claims->>'listener_id')::bigint)
        else (select class_id from tmidb.account where account_id = (p_claims->>'account_id')::bigint) end
      and (select count(*) from jsonb_object_keys(c.rules) k where k like 't/%')
        <= 0.1 * (select reltuples from pg_class where oid = 'tmidb.target'::regclass))
    then '{"few": true}' else '{}'::jsonb end
$$;
comment on function tmidb.with_reach(jsonb) is 'The claims of who reads, with "few": true if that one sees a small part of the targets.';
revoke all on function tmidb.with_reach(jsonb) from public;
