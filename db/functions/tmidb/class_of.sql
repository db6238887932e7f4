-- SPDX-License-Identifier: MIT
-- after: class_of_grants
-- The permission class that a socket belongs to.
create or replace function tmidb.class_of(p_who jsonb) returns bigint
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select case when p_who->>'role' in ('tmidb_admin', 'tmidb_editor', 'tmidb_viewer') then tmidb.class_of_grants('[{}]')
    when p_who->>'role' in ('tmidb_listener', 'tmidb_member') then coalesce(
      (select class_id from tmidb.listener where listener_id = (p_who->>'listener_id')::bigint),
      (select class_id from tmidb.account where account_id = (p_who->>'account_id')::bigint)) end
$$;
comment on function tmidb.class_of(jsonb) is 'class_id of who has these claims; null for who may not read.';
revoke all on function tmidb.class_of(jsonb) from public;
grant execute on function tmidb.class_of(jsonb) to tmidb_api;
