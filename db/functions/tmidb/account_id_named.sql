-- SPDX-License-Identifier: MIT
-- A person by login or email, or TM107.
create or replace function tmidb.account_id_named(p_name text) returns bigint
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id bigint;
begin
  select account_id into v_id from tmidb.account where lower(login) = lower(p_name) or lower(email) = lower(p_name);
  if not found then
    raise exception 'There is no user %.', coalesce(quote_literal(left(p_name, 100)), 'without a name') using errcode = 'TM107', hint = 'tmictl user list shows them.';
  end if;
  return v_id;
end $$;
comment on function tmidb.account_id_named(text) is 'account_id of a login or email; TM107 if there is none.';
revoke all on function tmidb.account_id_named(text) from public;
