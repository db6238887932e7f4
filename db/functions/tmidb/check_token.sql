-- SPDX-License-Identifier: MIT
-- after: identity
-- No token makes one that may do more than itself: not another scope, not from elsewhere, not for longer. Who signed in with a password
-- has no such bounds. Not asked of administrators about devices: they make what these may do anyway.
create or replace function tmidb.check_token(p_scopes text[], p_from cidr[], p_expires_at timestamptz) returns void
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_mine tmidb.token;
begin
  select * into v_mine from tmidb.token where token_id = (tmidb.identity()->>'token_id')::bigint;
  if not found then return; end if;
  if not 'admin' = any(v_mine.scopes) and (p_scopes is null or not p_scopes <@ v_mine.scopes) then
    raise exception 'A token of scopes % cannot do this for one that may do more.', array_to_string(v_mine.scopes, ', ')
      using errcode = 'TM102', hint = 'Sign in, or use a token with all scopes.';
  end if;
  if v_mine.allow_from is not null and (p_from is null
    or exists (select from unnest(p_from) f where not exists (select from unnest(v_mine.allow_from) m where f <<= m))) then
    raise exception 'A token from % cannot do this for one from elsewhere.', array_to_string(v_mine.allow_from, ', ')
      using errcode = 'TM102', hint = 'Sign in, or use a token that may come from anywhere.';
  end if;
  if v_mine.expires_at < coalesce(p_expires_at, 'infinity') then
    raise exception 'A token that ends % cannot do this for one that ends later.', v_mine.expires_at
      using errcode = 'TM102', hint = 'Sign in, or use a token that does not end.';
  end if;
end $$;

comment on function tmidb.check_token(text[], cidr[], timestamptz) is
  'TM102 if the calling token is narrower than one with these scopes, networks and end (null: all, anywhere, never).';
revoke all on function tmidb.check_token(text[], cidr[], timestamptz) from public;
