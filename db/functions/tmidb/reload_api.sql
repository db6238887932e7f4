-- SPDX-License-Identifier: MIT
-- after: channel
-- Tells the APIs that something they show has changed. The channel's name is a secret, so this is the way for who changes tables by hand.
create or replace function tmidb.reload_api() returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$ select pg_notify(tmidb.channel('schema'), 'reload') $$;

comment on function tmidb.reload_api() is 'Lets GraphQL, REST and OpenAPI read the exposed schemas again; they follow within a second.';
revoke all on function tmidb.reload_api() from public;
grant execute on function tmidb.reload_api() to tmidb_admin;
