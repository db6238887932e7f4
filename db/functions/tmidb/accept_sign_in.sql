-- SPDX-License-Identifier: MIT
-- after: account_claims, try_keys
-- The password was right: the try does not count. What changed since the hash was handed out counts, so that nobody comes in with a
-- password that was just replaced.
create or replace function tmidb.accept_sign_in(p_account_id bigint, p_password_hash text, p_name text, p_address text, p_tried_at timestamptz,
  p_to_change boolean default false) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  a tmidb.account;
begin
  select * into a from tmidb.account
  where account_id = p_account_id and password_hash = p_password_hash and disabled_at is null;
  if not found then return null; end if;
  update tmidb.sign_in_try set tries = array_remove(tries, p_tried_at)
  where key in (select unnest(array[k.by_name, k.by_address, k.by_account]) from tmidb.try_keys(p_name, p_address, p_account_id) k);
  if a.must_change_password and not p_to_change then
    return jsonb_build_object('must_change_password', true);
  end if;
  update tmidb.account set last_login_at = now()
  where account_id = p_account_id and (last_login_at is null or last_login_at < now() - interval '1 minute');
  return tmidb.account_claims(p_account_id);
end $$;
comment on function tmidb.accept_sign_in(bigint, text, text, text, timestamptz, boolean) is
  'After a password matched this hash: the claims of the account, {"must_change_password": true} if that password only serves to choose another, null if the account is not what it was.';
revoke all on function tmidb.accept_sign_in(bigint, text, text, text, timestamptz, boolean) from public;
grant execute on function tmidb.accept_sign_in(bigint, text, text, text, timestamptz, boolean) to tmidb_edge, tmidb_api;
