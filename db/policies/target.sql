-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know a target: whoever may read anything of it.
drop policy if exists listener_read on tmidb.target;
create policy listener_read on tmidb.target for select to tmidb_views using (
  nullif((select tmidb.rules()) ?| array['t/*', 't/' || target_id], false) is not null);

-- Users' tables may point at targets.
grant references (target_id, key) on tmidb.target to tmidb_admin;
