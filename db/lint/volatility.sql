-- SPDX-License-Identifier: MIT
-- A function that neither writes nor draws lots nor calls one that does says stable or immutable; volatile is also what a forgotten word means.
-- level: warn
with writer as (
  select p.oid, p.proname, p.prosrc ~* '\m(insert|update|delete|merge|execute|create|alter|grant|pg_notify|lock table|add_job|gen_random_uuid|for update|for no key update|for share)\M' as writes, p.prosrc
  from pg_proc p
  where p.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and p.provolatile = 'v'
)
select format('function %s', w.oid::regprocedure) as what
from writer w
where not w.writes and not exists (
  select from writer x where w.prosrc ~ ('tmidb\.' || x.proname || '\('))
