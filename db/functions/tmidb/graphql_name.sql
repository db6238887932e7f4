-- SPDX-License-Identifier: MIT
-- A name that GraphQL takes: camelCase of letters and digits; a field without any (in Hangul, say) is told by a hash.
create or replace function tmidb.graphql_name(p_field text) returns text
language sql immutable strict parallel safe set search_path = pg_catalog, pg_temp
as $$
  select case
    when n ~ '^[A-Za-z]' and n not in ('nodeId', 'cursor', 'version', 'category', 'ofTarget') then n
    when n ~ '^[0-9]' then 'f' || n
    when n <> '' then n || 'Value'
    else 'f' || substr(md5(p_field), 1, 10) end
  from (
    select lower(left(w, 1)) || substr(w, 2) as n
    from (select coalesce(string_agg(case when o = 1 then x else upper(left(x, 1)) || substr(x, 2) end, '' order by o), '') as w
          from regexp_split_to_table(trim(both '_' from regexp_replace(p_field, '[^A-Za-z0-9]+', '_', 'g')), '_')
               with ordinality s(x, o)) j) k
$$;

comment on function tmidb.graphql_name(text) is 'Name of a payload field in GraphQL.';
revoke all on function tmidb.graphql_name(text) from public;
