-- SPDX-License-Identifier: MIT
-- Every table and every partition has row security on and forced: policies of a parent do not cover a partition read directly.
-- level: error
select c.oid::regclass::text as what
from pg_class c
where c.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace)
  and c.relkind in ('r', 'p', 'f', 'm')
  and not (c.relrowsecurity and c.relforcerowsecurity)
