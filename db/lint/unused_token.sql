-- SPDX-License-Identifier: MIT
-- Every token is used: one that was made a month ago and never used is only there to be lost.
-- level: info
select format('%s… (%s), made %s', t.prefix, coalesce(t.label, t.kind), t.created_at::date) as what,
  'Revoke it (tmidb.revoke_token), or give it an expiry.' as mend
from tmidb.token t
where t.used_at is null and t.revoked_at is null and t.created_at < now() - interval '30 days' and coalesce(t.expires_at, 'infinity') > now()
