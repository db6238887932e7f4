-- SPDX-License-Identifier: MIT
-- No reading waits to be repaired or discarded.
-- level: warn
select format('%s readings quarantined as %s, the oldest since %s', count(*), b.reason, min(b.ts)::date) as what,
  format('tmictl dead-letters list --reason %s', b.reason) as mend
from tmidb.raw_bucket b
where b.reason <> 'TM217'
group by b.reason
