-- SPDX-License-Identifier: MIT
-- PostgreSQL is at least 15.14, 16.10, 17.6 or 18: before, its statistics told of rows that row security hides (CVE-2025-8713).
-- level: error
select format('PostgreSQL %s', current_setting('server_version')) as what,
  'Update PostgreSQL to the newest version of its major.' as mend,
  null::text as comment
from (select current_setting('server_version_num')::int as number) v
where v.number < case v.number / 10000 when 15 then 150014 when 16 then 160010 when 17 then 170006 else 150014 end
