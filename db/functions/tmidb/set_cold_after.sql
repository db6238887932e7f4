-- SPDX-License-Identifier: MIT
-- When chunks are packed; null: never.
create or replace function tmidb.set_cold_after(p_age interval) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  if p_age <= interval '0' then
    raise exception 'Days cannot be packed before they are over.' using errcode = 'TM108', hint = 'Give an age such as 30 days, or null for never.';
  end if;
  update tmidb.instance set cold_after = p_age;
end $$;

comment on function tmidb.set_cold_after(interval) is 'Sets how old a chunk is when its readings are packed; null: never.';
revoke all on function tmidb.set_cold_after(interval) from public;
grant execute on function tmidb.set_cold_after(interval) to tmidb_admin;
