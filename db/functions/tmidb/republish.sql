-- SPDX-License-Identifier: MIT
-- Something that is said of a category changed: its views are made anew by the job that also follows versions.
create or replace function tmidb.republish(p_category_id smallint) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  delete from tmidb.published_view where category_id = p_category_id;
  select graphile_worker.add_job('publish_views', max_attempts => 1000, priority => -5);
$$;

comment on function tmidb.republish(smallint) is 'Queues the job that makes the views of a category anew.';
revoke all on function tmidb.republish(smallint) from public;
