-- SPDX-License-Identifier: MIT
-- after: account_id_named, set_login, channel
-- Password, tokens and PostgreSQL login open what they did; sessions begin anew.
create or replace function tmidb.enable_account(p_login text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_id constant bigint := tmidb.account_id_named(p_login);
begin
  update tmidb.account set disabled_at = null where account_id = v_id and disabled_at is not null;
  perform tmidb.set_login(v_id);
  perform pg_notify(tmidb.channel('access'), 'account ' || v_id);
end $$;
comment on function tmidb.enable_account(text) is 'Lets a user in again. TM107: there is no such user.';
revoke all on function tmidb.enable_account(text) from public;
grant execute on function tmidb.enable_account(text) to tmidb_admin;
