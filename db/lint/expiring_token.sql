-- SPDX-License-Identifier: MIT
-- No token that is in use ends within a week.
-- level: info
select format('%s… (%s) ends %s', t.prefix, coalesce(t.label, t.kind), to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"')) as what,
  'Make another (tmidb.create_token) and hand it out before.' as mend
from tmidb.token t
where t.expires_at between now() and now() + interval '7 days' and t.revoked_at is null and t.used_at > now() - interval '30 days'
