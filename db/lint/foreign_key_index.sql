-- SPDX-License-Identifier: MIT
-- Every foreign key has an index that begins with its columns: a delete on the other side would read the whole table.
-- level: warn
select format('%s: %s', k.conrelid::regclass, k.conname) as what,
  format('create index on %s (%s);', k.conrelid::regclass, (select string_agg(quote_ident(a.attname), ', ' order by u.o)
    from unnest(k.conkey) with ordinality u(attnum, o) join pg_attribute a on a.attrelid = k.conrelid and a.attnum = u.attnum)) as mend,
  coalesce(obj_description(k.oid, 'pg_constraint'), obj_description(k.conrelid, 'pg_class')) as comment
from pg_constraint k
join pg_namespace n on n.oid = k.connamespace
where k.contype = 'f' and (n.nspname in ('tmidb', 'tmidb_parts') or n.nspname in (select tmidb.exposed_schemas()))
  and not exists (
    select from pg_index i
    where i.indrelid = k.conrelid and i.indpred is null
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)
