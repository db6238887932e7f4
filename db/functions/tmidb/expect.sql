-- SPDX-License-Identifier: MIT
-- How functions of the API refuse an argument.
create or replace function tmidb.expect(p_holds boolean, p_message text) returns void
language plpgsql immutable security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_holds is not true then
    raise exception '%', p_message using errcode = 'TM305', hint = 'See the function in /docs.';
  end if;
end $$;

comment on function tmidb.expect(boolean, text) is 'TM305 with this message, unless it holds.';
revoke all on function tmidb.expect(boolean, text) from public;
