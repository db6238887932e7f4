-- SPDX-License-Identifier: MIT
-- A policy on a table of tmiDB is its owner's, or for reading and for roles that it names; that it lets everything through is only for the owner and administrators.
-- level: error
select format('%s: %s for %s', p.polrelid::regclass, p.polname,
    (select string_agg(case o when 0 then 'everybody' else o::regrole::text end, ', ') from unnest(p.polroles) o)) as what,
  format('drop policy %I on %s;', p.polname, p.polrelid::regclass) as mend
from pg_policy p
join pg_class c on c.oid = p.polrelid
where c.relnamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace)
  and p.polroles <> array['tmidb_owner'::regrole::oid]
  and (p.polcmd <> 'r' or 0 = any(p.polroles)
    or pg_get_expr(p.polqual, p.polrelid) = 'true' and p.polroles <> array['tmidb_admin'::regrole::oid])
