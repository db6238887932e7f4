-- SPDX-License-Identifier: MIT
-- GraphQL's introspection, which names all categories and fields, is switched off for listeners.
-- level: info
select format('listener %s may introspect', l.name) as what,
  format('select tmidb.allow_introspection(%L, false);', l.name) as mend
from tmidb.listener l
where l.may_introspect
