-- SPDX-License-Identifier: MIT
-- after: view_sql
-- Makes the API's views follow the newest minor of each major; run by the job publish_views, safe to run at any time. Waits at
-- most 2 s for a reader that holds a view; the job then tries again.
create or replace function tmidb.publish_views() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp set lock_timeout = '2s'
as $$
declare
  v record;
  v_field record;
  v_view text;
  v_graphql text;
  v_count int := 0;
begin
  perform pg_advisory_xact_lock(hashtextextended('tmidb.publish_views', 0));
  for v in
    select c.name, s.category_id, s.major, s.minor, s.version_id, s.fields,
           max(s.major) over (partition by s.category_id) as newest
    from (select distinct on (category_id, major) * from tmidb.schema_version order by category_id, major, minor desc) s
    join tmidb.category c using (category_id)
    order by s.category_id, s.major
  loop
    v_view := v.name || '_v' || v.major;
    if not exists (select from tmidb.published_view p where p.category_id = v.category_id and p.major = v.major
                   and p.version_id = v.version_id) or to_regclass(format('api.%I', v_view)) is null then
      execute tmidb.view_sql(v.category_id, v.major, v.fields);
      execute format('alter view api.%I owner to tmidb_views', v_view);
      execute format('grant select on api.%I to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin', v_view);
      execute format('grant insert on api.%I to tmidb_speaker, tmidb_editor, tmidb_admin', v_view);
      execute format('create or replace trigger ingest instead of insert on api.%I
        for each row execute function tmidb.tg_view__ingest(%L)', v_view, v.name);
      execute format('comment on column api.%I.target is %L', v_view, 'Key of the target: the device''s own name.');
      execute format('comment on column api.%I.target_id is %L', v_view, 'Identity of the target.');
      execute format('comment on column api.%I.ts is %L', v_view, 'Time of the reading, RFC 3339 in UTC with microseconds.');
      execute format('comment on column api.%I.digest is %L', v_view, 'Tells readings of one instant apart.');
      for v_field in select f->>'name' as name, f->>'type' as type, f->>'column' as "column", f->>'graphql' as graphql
                     from jsonb_array_elements(v.fields) f loop
        execute format('comment on column api.%I.%I is %L', v_view, v_field."column",
          format(E'@name %s\nField %s, %s.', v_field.graphql, to_json(v_field.name), v_field.type));
      end loop;
      insert into tmidb.published_view (category_id, major, version_id) values (v.category_id, v.major, v.version_id)
      on conflict (category_id, major) do update set version_id = excluded.version_id, published_at = now();
      v_count := v_count + 1;
    end if;
    -- Category names that differ in underscores only are one name in GraphQL: the younger gets its number.
    v_graphql := tmidb.graphql_name(v_view);
    if exists (select from tmidb.category c where c.category_id < v.category_id
               and tmidb.graphql_name(c.name || '_v' || v.major) = v_graphql) then
      v_graphql := v_graphql || '_' || v.category_id;
    end if;
    execute format('comment on view api.%I is %L', v_view, format(
      E'@name %s\n@primaryKey target_id,ts,digest\n@tmidbCategory %s\n@tmidbMajor %s\n%sReadings of %s, version %s.%s.%s',
      v_graphql, v.name, v.major,
      case when v.major < v.newest then format(E'@deprecated Version %s of %s is newer.\n', v.newest, v.name) else '' end,
      v.name, v.major, v.minor,
      case when v.major < v.newest then format(' Version %s is newer.', v.newest) else '' end));
  end loop;
  if v_count > 0 then perform pg_notify('tmi_schema', v_count::text); end if;
  return v_count;
end $$;

comment on function tmidb.publish_views() is 'Makes or replaces the views whose version is behind; returns how many.';
revoke all on function tmidb.publish_views() from public;
grant execute on function tmidb.publish_views() to tmidb_drain, tmidb_admin;
