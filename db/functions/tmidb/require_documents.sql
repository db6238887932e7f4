-- SPDX-License-Identifier: MIT
-- after: channel, listener_named
-- Holds a listener, or all of them, to registered documents.
create or replace function tmidb.require_documents(p_listener text default null, p_required boolean default true) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_listener is null then
    update tmidb.instance set only_documents = coalesce(p_required, false);
  else
    update tmidb.listener set only_documents = coalesce(p_required, false) where listener_id = tmidb.listener_named(p_listener);
  end if;
  perform pg_notify(tmidb.channel('access'), 'limits');
end $$;

comment on function tmidb.require_documents(text, boolean) is
  'Lets a listener (null: every listener) send only GraphQL documents that are registered, or any again.';
revoke all on function tmidb.require_documents(text, boolean) from public;
grant execute on function tmidb.require_documents(text, boolean) to tmidb_admin;
