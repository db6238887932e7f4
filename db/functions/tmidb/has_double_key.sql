-- SPDX-License-Identifier: MIT
-- Whether any object of a document names a key twice; jsonb would keep the last one without a word. (PostgreSQL 16 can ask "is json
-- with unique keys"; 15 cannot.)
create or replace function tmidb.has_double_key(p_document json) returns boolean
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  with recursive node(v) as (
    select p_document where json_typeof(p_document) in ('object', 'array')
    union all
    select c.v from node n cross join lateral (
      select value from json_each(case json_typeof(n.v) when 'object' then n.v else '{}' end)
      union all
      select value from json_array_elements(case json_typeof(n.v) when 'array' then n.v else '[]' end)) c(v)
    where json_typeof(c.v) in ('object', 'array')
  )
  select coalesce(bool_or((select count(*) <> count(distinct key) from json_each(n.v))), false) from node n where json_typeof(n.v) = 'object'
$$;

comment on function tmidb.has_double_key(json) is 'Whether an object in it has a key twice.';
revoke all on function tmidb.has_double_key(json) from public;
