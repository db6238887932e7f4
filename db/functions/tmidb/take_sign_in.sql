-- SPDX-License-Identifier: MIT
-- after: try_keys, try_wait, take_try
-- Before a password is looked at. For a name that nobody has the answer is the same, without an account: the door computes a hash all
-- the same. Ten tries a name, fifty an address in 15 minutes; what opens a door is given back by accept_sign_in. A person who is tried
-- by login and by email at once is not told from nobody either: beyond ten tries of both together the right password is a wrong one.
create or replace function tmidb.take_sign_in(p_name text, p_address text)
returns table (account_id bigint, login text, password_hash text, tried_at timestamptz, retry_after_s integer)
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_keys record;
  v_wait interval;
begin
  delete from tmidb.sign_in_try where key in (select key from tmidb.sign_in_try where until < now() limit 20 for update skip locked);
  select a.account_id, a.login, a.password_hash into account_id, login, password_hash from tmidb.account a
  where (lower(a.login) = lower(p_name) or lower(a.email) = lower(p_name)) and a.disabled_at is null and a.password_hash is not null;
  v_keys := tmidb.try_keys(p_name, p_address, account_id);
  tried_at := now();
  v_wait := coalesce(tmidb.try_wait(v_keys.by_address, 50), tmidb.try_wait(v_keys.by_name, 10), tmidb.take_try(v_keys.by_name, 10));
  if v_wait is null and v_keys.by_address is not null then
    v_wait := tmidb.take_try(v_keys.by_address, 50);
    -- Others were faster.
    if v_wait is not null then
      update tmidb.sign_in_try set tries = array_remove(tries, now()) where key = v_keys.by_name;
    end if;
  end if;
  if v_wait is not null then
    retry_after_s := greatest(1, ceil(extract(epoch from v_wait)));
    account_id := null;
    password_hash := null;
  elsif account_id is not null and tmidb.take_try(v_keys.by_account, 10) is not null then
    account_id := null;
    password_hash := null;
  end if;
  return next;
end $$;
comment on function tmidb.take_sign_in(text, text) is
  'Counts a try to sign in as a login or email from an address: the account with its password hash (null, null: nobody), or how many seconds to wait. The login is for the audit only.';
revoke all on function tmidb.take_sign_in(text, text) from public;
grant execute on function tmidb.take_sign_in(text, text) to tmidb_edge, tmidb_api;
