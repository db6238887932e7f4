-- SPDX-License-Identifier: MIT
-- GraphQL's introspection is switched off for listeners that are no developer's.
-- level: info
select format('listener %s may introspect', l.name) as what,
  format('select tmidb.allow_introspection(%L, false);', l.name) as mend
from tmidb.listener l
where l.may_introspect
