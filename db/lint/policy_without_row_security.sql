-- SPDX-License-Identifier: MIT
-- Where there are policies, row security is on: a policy on a table without it guards nothing.
-- level: error
select format('%s: %s policies, and row security is off', c.oid::regclass, count(*)) as what,
  format('alter table %s enable row level security;', c.oid::regclass) as mend,
  obj_description(c.oid, 'pg_class') as comment
from pg_policy p
join pg_class c on c.oid = p.polrelid and not c.relrowsecurity
group by c.oid
