-- SPDX-License-Identifier: MIT
-- What a process counted since it last told. Rows are locked in the order of their numbers: two processes that tell at once wait for
-- each other and do not lock each other out.
create or replace function tmidb.note_uses(p_ids bigint[], p_counts integer[], p_at timestamptz) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with used as (
    select t.token_id from tmidb.token t where t.token_id = any(p_ids) order by t.token_id for no key update
  )
  update tmidb.token t set use_count = t.use_count + n.uses, used_at = greatest(t.used_at, p_at)
  from used, unnest(p_ids, p_counts) n(token_id, uses)
  where t.token_id = used.token_id and n.token_id = used.token_id
$$;

comment on function tmidb.note_uses(bigint[], integer[], timestamptz) is 'Adds to the uses of tokens, each by its number.';
revoke all on function tmidb.note_uses(bigint[], integer[], timestamptz) from public;
grant execute on function tmidb.note_uses(bigint[], integer[], timestamptz) to tmidb_edge, tmidb_api;
