-- SPDX-License-Identifier: MIT
-- No column of yours that is named like a secret or a person's number may be read by devices, listeners, members or everybody.
-- level: error
select format('%s.%I: %s may read it', c.oid::regclass, a.attname, string_agg(r.rolname, ', ' order by r.rolname)) as what,
  format('revoke select on %s from %s; -- and grant the columns that are meant', c.oid::regclass, string_agg(quote_ident(r.rolname), ', ' order by r.rolname)) as mend,
  coalesce(col_description(c.oid, a.attnum), obj_description(c.oid, 'pg_class')) as comment
from pg_class c
join pg_namespace n on n.oid = c.relnamespace
join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
join pg_roles r on r.rolname in ('tmidb_anonymous', 'tmidb_speaker', 'tmidb_listener', 'tmidb_member')
where n.nspname in (select tmidb.exposed_schemas()) and n.nspname <> 'api'
  and c.relkind in ('r', 'p', 'v', 'm', 'f')
  and lower(a.attname) ~ '(^|_)(pass(word|wd|phrase|code)?|pwd|secret|token|api_?key|private_?key|access_?key|ssn|social_security|passport|tax_id|national_id|resident_?(number|no)|credit_?card|card_?number|cvv|cvc|iban|pin)(_?(hash|salt|number|no|code|enc|encrypted|\d+))?$'
  and has_column_privilege(r.oid, c.oid, a.attnum, 'select')
group by c.oid, a.attnum, a.attname
