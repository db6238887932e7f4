-- SPDX-License-Identifier: MIT
-- No token that is in use ends within a week, but for one that was rotated.
-- level: info
select format('%s… (%s) ends %s', t.prefix, coalesce(t.label, t.kind), to_char(t.expires_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI"Z"')) as what,
  'Make another (tmidb.create_token) and hand it out before.' as mend
from tmidb.token t
where t.expires_at between now() and now() + interval '7 days' and t.revoked_at is null and t.used_at > now() - interval '30 days'
  and not exists (select from tmidb.token n where n.created_at > t.created_at and n.revoked_at is null and n.label is not distinct from t.label
    and (n.listener_id, n.speaker_id, n.account_id) is not distinct from (t.listener_id, t.speaker_id, t.account_id))
