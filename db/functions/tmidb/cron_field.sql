-- SPDX-License-Identifier: MIT
-- The numbers that a field of a cron line names: *, 5, 1-5, */15, 0-30/10 and lists of these.
create or replace function tmidb.cron_field(p_field text, p_least int, p_most int) returns int[]
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_part text;
  v_found text[];
  v_from int;
  v_to int;
  v_all int[] := '{}';
begin
  foreach v_part in array string_to_array(p_field, ',') loop
    v_found := regexp_match(v_part, '^(?:(\*)|(\d{1,2})(?:-(\d{1,2}))?)(?:/(\d{1,2}))?$');
    if v_found is null then return null; end if;
    v_from := case when v_found[1] is not null then p_least else v_found[2]::int end;
    v_to := case when v_found[1] is not null then p_most
      else coalesce(v_found[3]::int, case when v_found[4] is null then v_from else p_most end) end;
    if v_from < p_least or v_to > p_most or v_from > v_to or v_found[4]::int = 0 then return null; end if;
    v_all := v_all || array(select generate_series(v_from, v_to, coalesce(v_found[4]::int, 1)));
  end loop;
  return array(select distinct n from unnest(v_all) n order by n);
end $$;

comment on function tmidb.cron_field(text, int, int) is 'The numbers that a field of a cron line names; null where it cannot be read.';
revoke all on function tmidb.cron_field(text, int, int) from public;
