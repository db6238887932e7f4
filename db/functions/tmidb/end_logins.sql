-- SPDX-License-Identifier: MIT
-- Ends the connections of logins whose rights were taken or changed. The api process calls it when it hears that access changed, so after
-- the commit: who comes now has only the new rights.
create or replace function tmidb.end_logins() returns integer
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with ending as (delete from tmidb.login_to_end returning role_oid)
  select count(pg_terminate_backend(a.pid))::int from ending e join pg_stat_activity a on a.usesysid = e.role_oid
$$;

comment on function tmidb.end_logins() is 'Ends open connections of logins that lost rights; returns how many.';
revoke all on function tmidb.end_logins() from public;
grant execute on function tmidb.end_logins() to tmidb_api;
