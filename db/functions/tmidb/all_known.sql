-- SPDX-License-Identifier: MIT
-- Whether a category and targets exist; asked by the doors for speakers that may not make new ones.
create or replace function tmidb.all_known(p_category text, p_targets text[]) returns boolean
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select exists (select from tmidb.category where name = p_category)
    and not exists (select from unnest(p_targets) k where not exists (select from tmidb.target t where t.key = k))
$$;

comment on function tmidb.all_known(text, text[]) is 'Whether the category and all targets exist.';
revoke all on function tmidb.all_known(text, text[]) from public;
grant execute on function tmidb.all_known(text, text[]) to tmidb_edge;
