-- SPDX-License-Identifier: MIT
-- A policy calls functions only as (select f()), once a query: a call for each row costs 250 times more.
select format('%s: %s', p.polrelid::regclass, p.polname) as what
from pg_policy p
cross join lateral (
  select regexp_replace(concat_ws(' ', pg_get_expr(p.polqual, p.polrelid), pg_get_expr(p.polwithcheck, p.polrelid)),
    '\( *SELECT [a-z_.]+\(\) AS [a-z_]+\)|\m(NULLIF|COALESCE|width_bucket)(?=\()', '', 'g') as rest) e
where e.rest ~ '[A-Za-z_0-9"]\('
