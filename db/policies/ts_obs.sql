-- SPDX-License-Identifier: MIT
-- after: grants
-- Who sees a reading: the views' owner, for whoever asks through it, where a rule of that one's class names the category and target,
-- by name or by "*". rules() runs once a query.
drop policy if exists listener_read on tmidb.ts_obs;
create policy listener_read on tmidb.ts_obs for select to tmidb_views using (
  (select tmidb.rules()) ?| array['*/*', category_id || '/*', category_id || '/' || target_id, '*/' || target_id]);
