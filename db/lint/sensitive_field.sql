-- SPDX-License-Identifier: MIT
-- No field of a category is named like a secret: what devices send is read by whoever was given the category.
-- level: info
select format('%s.%I', c.oid::regclass, a.attname) as what,
  'Give listeners the fields they need (tmidb.subscribe(..., fields)), or let devices leave it out.' as mend,
  null::text as comment
from pg_class c
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
where c.relnamespace = 'api'::regnamespace and c.relkind = 'v' and c.relname ~ '_v\d+$'
  and lower(a.attname) ~ '(^|_)(password|passwd|pwd|secret|token|api_?key|private_?key|ssn|credit_?card|cvv|iban)(_?(hash|\d+))?$'
