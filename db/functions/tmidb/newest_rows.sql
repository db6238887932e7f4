-- SPDX-License-Identifier: MIT
-- after: visible_categories
-- The newest readings of a category as its newest view shows them to the one who asks: tmictl access view.
create or replace function tmidb.newest_rows(p_category text, p_limit integer default 20) returns setof jsonb
language plpgsql stable set search_path = pg_catalog, pg_temp
as $$
declare
  v_view text := (select c.relname from pg_class c where c.relnamespace = 'api'::regnamespace and c.relname ~ '_v\d+$'
    and c.relname ~ ('^' || regexp_replace(p_category, '[^A-Za-z0-9_]', '.', 'g') || '_v\d+$')
    order by substring(c.relname from '\d+$')::int desc limit 1);
begin
  if v_view is null or not exists (select from tmidb.visible_categories() where category = p_category) then
    raise exception 'There is no category named %.', quote_literal(p_category) using errcode = 'TM107', hint = 'Or nothing of it is seen: tmictl access explain says why.';
  end if;
  return query execute format('select jsonb_strip_nulls(to_jsonb(v) - ''target_id'' - ''reading_id'') from api.%I v order by v.ts desc, v.target limit $1', v_view) using p_limit;
end $$;
comment on function tmidb.newest_rows(text, integer) is 'The newest readings of a category that the one who asks sees, newest first. TM107: it sees nothing of it.';
revoke all on function tmidb.newest_rows(text, integer) from public;
grant execute on function tmidb.newest_rows(text, integer) to tmidb_admin;
