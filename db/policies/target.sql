-- SPDX-License-Identifier: MIT
-- after: grants
-- Who may know a target: whoever may read anything of it. The second line is true of every row and only says to the planner, which cannot
-- look into the rules, how many rows to expect: of who sees few targets (tmidb.with_reach) a few of a hundred, so that it starts at these
-- and finds their readings by the index, else nearly all (a target's id is random, so its first digits are a share). What a session puts
-- into the claims by itself changes its own plans, never a row; and where rows are read only "target_id = target_id" is asked.
drop policy if exists listener_read on tmidb.target;
create policy listener_read on tmidb.target for select to tmidb_views using (
  nullif((select tmidb.rules()) ?| array['t/*', 't/' || target_id], false) is not null
  and (target_id = target_id or target_id < case when current_setting('tmidb.claims', true) like '%"few":true%'
    then '08000000-0000-0000-0000-000000000000'::uuid else 'f8000000-0000-0000-0000-000000000000'::uuid end));

-- Users' tables may point at targets.
grant references (target_id, key) on tmidb.target to tmidb_admin;
