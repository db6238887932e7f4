-- SPDX-License-Identifier: MIT
-- No database or login has synchronous_commit switched off: what was acknowledged could be lost.
-- level: error
select format('%s for %s', s.setting, concat_ws(' in ', nullif(s.setrole, 0)::regrole::text, d.datname)) as what,
  format('%s%s reset %s;', case when s.setrole <> 0 then format('alter role %s', s.setrole::regrole) else '' end,
    case when s.setdatabase = 0 then '' when s.setrole <> 0 then format(' in database %I', d.datname) else format('alter database %I', d.datname) end,
    split_part(s.setting, '=', 1)) as mend
from (select setdatabase, setrole, unnest(setconfig) as setting from pg_db_role_setting) s
left join pg_database d on d.oid = s.setdatabase
where (s.setdatabase = 0 or d.datname = current_database()) and s.setting ~* '^synchronous_commit=(off|local|false|no|0)$'
