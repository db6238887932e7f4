-- SPDX-License-Identifier: MIT
-- after: view_sql, view_fields, field_comment
-- One view of the API: its text, owner, grants, the trigger that takes inserts, and what its columns mean.
create or replace function tmidb.publish_view(p_version tmidb.schema_version) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_category text := (select name from tmidb.category where category_id = p_version.category_id);
  v_view text := v_category || '_v' || p_version.major;
  v_fields jsonb := tmidb.view_fields(p_version);
  v_field jsonb;
begin
  execute tmidb.view_sql(p_version.category_id, p_version.major, v_fields);
  execute format('alter view api.%I owner to tmidb_views', v_view);
  execute format('grant select on api.%I to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin', v_view);
  execute format('grant insert on api.%I to tmidb_speaker, tmidb_member, tmidb_editor, tmidb_admin', v_view);
  execute format('create or replace trigger ingest instead of insert on api.%I
    for each row execute function tmidb.tg_view__ingest(%L)', v_view, v_category);
  execute format('comment on column api.%I.target is %L', v_view, 'Key of the target: the device''s own name.');
  execute format('comment on column api.%I.target_id is %L', v_view, 'Identity of the target.');
  execute format('comment on column api.%I.ts is %L', v_view, 'Time of the reading, RFC 3339 in UTC with microseconds.');
  execute format('comment on column api.%I.reading_id is %L', v_view, 'Number of the reading: tells readings of one instant apart.');
  for v_field in select f from jsonb_array_elements(v_fields) f loop
    execute format('comment on column api.%I.%I is %L', v_view, v_field->>'column', tmidb.field_comment(v_field));
  end loop;
  insert into tmidb.published_view (category_id, major, version_id)
  values (p_version.category_id, p_version.major, p_version.version_id)
  on conflict (category_id, major) do update set version_id = excluded.version_id, published_at = now();
end $$;

comment on function tmidb.publish_view(tmidb.schema_version) is 'Makes or replaces the view of one major at this version.';
revoke all on function tmidb.publish_view(tmidb.schema_version) from public;
