-- SPDX-License-Identifier: MIT
-- after: channel, listener_named
-- Whether GraphQL tells a listener what there is to ask for: tools such as Ruru and code generators need it, an app in production does not.
create or replace function tmidb.allow_introspection(p_listener text, p_allowed boolean default true) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_listener bigint := tmidb.listener_named(p_listener);
begin
  update tmidb.listener set may_introspect = coalesce(p_allowed, false) where listener_id = v_listener;
  perform pg_notify(tmidb.channel('access'), 'listener ' || v_listener);
end $$;

comment on function tmidb.allow_introspection(text, boolean) is 'Lets a listener introspect the GraphQL schema and be told similar names, or no longer.';
revoke all on function tmidb.allow_introspection(text, boolean) from public;
grant execute on function tmidb.allow_introspection(text, boolean) to tmidb_admin;
