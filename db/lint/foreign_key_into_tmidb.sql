-- SPDX-License-Identifier: MIT
-- Your tables point at tmidb.target and at nothing else of ours: another table of ours may change with any version.
-- level: error
select format('%s: %s points at %s', k.conrelid::regclass, k.conname, k.confrelid::regclass) as what,
  format('alter table %s drop constraint %I;', k.conrelid::regclass, k.conname) as mend,
  coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(k.conrelid, 'pg_class')) as comment
from pg_constraint k
join pg_class c on c.oid = k.conrelid
join pg_class t on t.oid = k.confrelid
where k.contype = 'f' and t.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace) and t.relname <> 'target'
  and c.relnamespace not in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace)
