-- SPDX-License-Identifier: MIT
-- after: account_id_named
-- What a person is called and their email; null leaves it as it is, '' takes it away.
create or replace function tmidb.set_account(p_login text, p_email text default null, p_display_name text default null) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  update tmidb.account set email = nullif(coalesce(p_email, email), ''), display_name = nullif(coalesce(p_display_name, display_name), '')
  where account_id = tmidb.account_id_named(p_login);
exception
  when unique_violation then
    raise exception 'Somebody has this email already.' using errcode = 'TM106', hint = 'Each email belongs to one account.';
  when check_violation then
    raise exception 'This email or display name cannot be used.' using errcode = 'TM108',
      hint = 'Write an email like kim@example.com (that of a login with "@" stays), a name of up to 200 characters.';
end $$;
comment on function tmidb.set_account(text, text, text) is
  'Sets email and display name of a user; null: as it is, empty: none. TM106: the email is taken; TM107: there is no such user; TM108: what cannot be used.';
revoke all on function tmidb.set_account(text, text, text) from public;
grant execute on function tmidb.set_account(text, text, text) to tmidb_admin;
