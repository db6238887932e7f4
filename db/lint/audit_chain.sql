-- SPDX-License-Identifier: MIT
-- The audit is the chain that was written: no row was changed, taken out or put in. (It works out every row's hash: --quick leaves it out.)
-- level: error
select format('place %s: %s', v.broken_seq, v.why) as what,
  'tmictl audit verify --head ... with an end that was written down before tells more.' as mend
from tmidb.audit_check() v
where v.broken_seq is not null
