-- SPDX-License-Identifier: MIT
-- after: classify, role_named, channel
-- A person. The hash is made where the password is known; without one they come in by tokens or psql only.
create or replace function tmidb.create_account(p_login text, p_password_hash text, p_role text, p_email text default null,
  p_display_name text default null, p_must_change boolean default false) returns bigint
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_login constant text := coalesce(p_login, p_email);
  v_constraint text;
  v_id bigint;
begin
  insert into tmidb.account (login, password_hash, role_id, email, display_name, must_change_password, password_changed_at)
  values (v_login, p_password_hash, tmidb.role_named(p_role), coalesce(p_email, case when v_login like '%@%' then v_login end), p_display_name,
    coalesce(p_must_change, false) and p_password_hash is not null, case when p_password_hash is not null then now() end)
  returning account_id into v_id;
  perform tmidb.classify(null, v_id);
  return v_id;
exception
  when unique_violation then
    raise exception 'There is a user with the login % or this email already.', quote_literal(v_login) using errcode = 'TM106', hint = 'Choose another name.';
  when check_violation or not_null_violation then
    get stacked diagnostics v_constraint = constraint_name;
    case v_constraint
      when 'password_is_hashed' then
        raise exception 'This is no argon2id hash.' using errcode = 'TM108', hint = 'tmictl user create makes it of a password.';
      when 'email_looks_like_one' then
        raise exception 'The email % cannot be used.', quote_literal(left(p_email, 100)) using errcode = 'TM108', hint = 'Write it like kim@example.com.';
      when 'display_name_is_short' then
        raise exception 'The display name cannot be used.' using errcode = 'TM108', hint = 'Use up to 200 characters in one line.';
      else
        raise exception 'The login % cannot be used.', coalesce(quote_literal(left(v_login, 100)), 'null') using errcode = 'TM108',
          hint = 'Use up to 100 characters without ":"; with "@" only if it is the email.';
    end case;
end $$;
comment on function tmidb.create_account(text, text, text, text, text, boolean) is
  'Makes an account: login (null: the email), PHC password hash (argon2id; null: none), role, email, display name, whether the password must be changed at the first login. Gives its account_id. TM106: the name is taken; TM107: there is no such role; TM108: what cannot be used.';
revoke all on function tmidb.create_account(text, text, text, text, text, boolean) from public;
grant execute on function tmidb.create_account(text, text, text, text, text, boolean) to tmidb_admin;
