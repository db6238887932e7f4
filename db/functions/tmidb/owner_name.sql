-- SPDX-License-Identifier: MIT
-- Whose a token is, by name.
create or replace function tmidb.owner_name(p_speaker_id bigint, p_listener_id bigint, p_account_id bigint) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select coalesce(
    (select name from tmidb.speaker where speaker_id = p_speaker_id),
    (select name from tmidb.listener where listener_id = p_listener_id),
    (select login from tmidb.account where account_id = p_account_id))
$$;

comment on function tmidb.owner_name(bigint, bigint, bigint) is 'Name of a speaker or listener, or login of a person, by the one id that is given.';
revoke all on function tmidb.owner_name(bigint, bigint, bigint) from public;
grant execute on function tmidb.owner_name(bigint, bigint, bigint) to tmidb_views;
