-- SPDX-License-Identifier: MIT
-- after: publish_view, view_comment, record_audit
-- Makes the API's views follow the newest minor of each major; run by the job publish_views, safe to run at any time, and does
-- nothing where nothing is behind. Waits at most 2 s for a reader that holds a view. A view that cannot be made now holds no
-- other up: it is audited and tried again.
create or replace function tmidb.publish_views() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v_version tmidb.schema_version;
  v_newest smallint;
  v_view text;
  v_comment text;
  v_count int := 0;
begin
  lock table tmidb.published_view in share row exclusive mode;
  for v_version in select distinct on (category_id, major) * from tmidb.schema_version order by category_id, major, minor desc loop
    select name || '_v' || v_version.major into v_view from tmidb.category where category_id = v_version.category_id;
    select max(major) into v_newest from tmidb.schema_version where category_id = v_version.category_id;
    v_comment := tmidb.view_comment(v_version, v_newest);
    begin
      if to_regclass(format('api.%I', v_view)) is null or not exists (
          select from tmidb.published_view p where p.version_id = v_version.version_id) then
        perform tmidb.publish_view(v_version);
        v_count := v_count + 1;
      end if;
      if obj_description(to_regclass(format('api.%I', v_view)), 'pg_class') is distinct from v_comment then
        execute format('comment on view api.%I is %L', v_view, v_comment);
        v_count := v_count + 1;
      end if;
    exception when others then
      perform tmidb.record_audit('view.failed', 'publish_views', jsonb_build_object('view', v_view, 'code', SQLSTATE, 'message', SQLERRM));
      perform graphile_worker.add_job('publish_views', job_key => 'publish_views_again', run_at => now() + interval '2 s', max_attempts => 1000);
    end;
  end loop;
  if v_count > 0 then perform pg_notify(tmidb.channel('schema'), v_count::text); end if;
  return v_count;
end $$;

comment on function tmidb.publish_views() is 'Makes or replaces the views that are behind; returns how many changes it made.';
revoke all on function tmidb.publish_views() from public;
grant execute on function tmidb.publish_views() to tmidb_drain, tmidb_admin;
