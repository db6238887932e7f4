-- SPDX-License-Identifier: MIT
-- What a try of a password is counted by. A name is hashed: people type their password where the login belongs. Who has one IPv6
-- address has all of its /64.
create or replace function tmidb.try_keys(p_name text, p_address text, p_account_id bigint)
returns table (by_name text, by_address text, by_account text)
language sql stable set search_path = pg_catalog, pg_temp
as $$
  select 'login:' || encode(sha256(convert_to(lower(p_name), 'UTF8')), 'hex'),
    'address:' || case family(a) when 6 then network(set_masklen(a, 64))::text else host(a) end, 'account:' || p_account_id
  from (select case when looks_right then split_part(p_address, '%', 1)::inet end as a
    from (select p_address ~ '^[0-9a-fA-F:.]+(%.*)?$' as looks_right) i) x
$$;
comment on function tmidb.try_keys(text, text, bigint) is 'Keys of tmidb.sign_in_try for a name, an address and an account; null for what is not known.';
revoke all on function tmidb.try_keys(text, text, bigint) from public;
