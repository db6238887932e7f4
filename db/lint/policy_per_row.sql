-- SPDX-License-Identifier: MIT
-- A policy calls functions only as (select f()), once a query: a call for each row costs 250 times more.
-- (The setting in the policy of tmidb.target is read by the planner: for a row, "target_id = target_id" before it has answered.)
-- (In your own tables, functions of PostgreSQL that only look at the row are left alone. What a function calls inside is not seen.)
-- level: warn
select format('%s: %s', p.polrelid::regclass, p.polname) as what,
  format('alter policy %I on %s using (...); -- with (select f()) for each f()', p.polname, p.polrelid::regclass) as mend,
  coalesce(obj_description(p.oid, 'pg_policy'), obj_description(p.polrelid, 'pg_class')) as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid
join pg_namespace n on n.oid = c.relnamespace
cross join lateral (
  select concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)) as text) e
-- What is left when every (select ...) is taken away that reads neither a table nor the row, from the inside out.
cross join lateral (
  with recursive step(rest) as (
    select e.text
    union all
    select regexp_replace(regexp_replace(rest, format('\( *SELECT (?:(?! FROM |\m%s\.)[^()])*\)', c.relname), '', 'g'), '\(([^()]*)\)', '[\1]', 'g')
    from step where rest ~ '\([^()]*\)'
  )
  select rest from step order by length(rest), rest !~ '\(' desc limit 1) s
where case
  when n.nspname in ('tmidb', 'tmidb_parts') then
    regexp_replace(e.text, '\( *SELECT [a-z_.]+\(\) AS [a-z_]+\)|\(target_id = target_id\) OR \(target_id <\s+CASE\s+WHEN \(current_setting\(|\m(NULLIF|COALESCE|width_bucket|string_to_array|replace)(?=\()', '', 'g') ~ '[A-Za-z_0-9"]\('
  when n.nspname in (select tmidb.exposed_schemas()) then
    -- Names are written with their schema, but for pg_catalog: the runner sets the search_path.
    s.rest ~ '([A-Za-z_0-9"]\.[A-Za-z_0-9"]+|\mcurrent_setting|\mpg_has_role)[[(]'
  else false end
