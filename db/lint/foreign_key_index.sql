-- SPDX-License-Identifier: MIT
-- Every foreign key has an index that begins with its columns: a delete on the other side would read the whole table.
select format('%s: %s', k.conrelid::regclass, k.conname) as what
from pg_constraint k
where k.contype = 'f' and k.connamespace in ('tmidb'::regnamespace, 'tmidb_parts'::regnamespace)
  and not exists (
    select from pg_index i
    where i.indrelid = k.conrelid and i.indpred is null
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey
      and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] <@ k.conkey)
