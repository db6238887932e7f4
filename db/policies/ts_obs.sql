-- SPDX-License-Identifier: MIT
-- after: grants
-- Who sees a reading: the views' owner, for whoever asks through it, where a rule of that one's class names the category and target,
-- by name or by "*". rules() runs once a query.
drop policy if exists listener_read on tmidb.ts_obs;
-- "is not null" on purpose: the planner takes nearly every row to pass it, and walks the index in the order that is asked for. Of a bare
-- "?|" it takes one row in a hundred to pass: it read and sorted all rows of a target for the latest 20 (3.5 against 0.5 ms).
-- The key of the one target stands first: in the long rules of many single targets each look-up counts (0.63 against 0.84 us a row), in
-- those of who sees all none does.
-- A reading that is not shown for ever may be shown because it is young: "@" stands for the prefix of its age class. cutoffs() is asked
-- only where there is such a row, and each "(select …)" runs once a query, so there are few of them.
create policy listener_read on tmidb.ts_obs for select to tmidb_views using (
  nullif((select tmidb.rules()) ?| array[category_id || '/' || target_id, '*/*', category_id || '/*', '*/' || target_id], false) is not null
  or (select tmidb.cutoffs()) is not null and nullif((select tmidb.rules()) ?| string_to_array(
    replace('@*/* @' || category_id || '/* @' || category_id || '/' || target_id || ' @*/' || target_id, '@',
      coalesce(nullif(width_bucket(ts, (select tmidb.cutoffs())), 0) || ':', '')), ' '), false) is not null);
