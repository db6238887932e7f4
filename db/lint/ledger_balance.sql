-- SPDX-License-Identifier: MIT
-- Every reading that was received is stored, known as a duplicate or quarantined, and is there. (It counts all readings: --quick leaves it out.)
-- level: error
select format('%s: expected %s, found %s%s', c.what, c.expected, c.found,
    case when c.shard is not null then format(' (speaker %s, shard %s)', c.speaker_id, c.shard) else '' end) as what,
  'See docs/nothing-lost.md before you change anything.' as mend
from tmidb.ledger_check() c
