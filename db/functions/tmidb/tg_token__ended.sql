-- SPDX-License-Identifier: MIT
-- after: channel
-- A token that ended, ends sooner or may do less is told to the doors by its number: they keep nothing of it, not even for the time that
-- PostgreSQL is away.
create or replace function tmidb.tg_token__ended() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform pg_notify(tmidb.channel('access'), 'token ' || OLD.token_id);
  return null;
end $$;

comment on function tmidb.tg_token__ended() is 'Tells the doors that a token ended or changed.';
revoke all on function tmidb.tg_token__ended() from public;

create or replace trigger ended after delete or update of revoked_at, expires_at, allow_from, scopes on tmidb.token
  for each row execute function tmidb.tg_token__ended();
