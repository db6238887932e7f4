-- SPDX-License-Identifier: MIT
-- after: category_rights, visible_diff, diff_class, diff_words
-- Every schema version that the one who asks may know of, newest first: the source of the API's changelog. A listener is told of the
-- fields it may see, and its class is that of what it sees; when readings came and what one looks like only who sees all of them.
create or replace function tmidb.schema_changes(p_category text default null)
returns table (at timestamptz, category text, version text, compatibility text, diff jsonb, changes text, first_seen timestamptz,
  last_seen timestamptz, example jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select v.created_at, r.category, v.major || '.' || v.minor,
    case when r.fields is null or v.compatibility = 'initial' then v.compatibility else tmidb.diff_class(d.seen) end,
    d.seen, tmidb.diff_words(d.seen),
    case when r.of_all_targets then q.first_seen end, case when r.of_all_targets then q.last_seen end, case when r.of_all_targets then q.example end
  from tmidb.category_rights() r
  join tmidb.schema_version v on v.category_id = r.category_id
  left join tmidb.version_seen q on q.version_id = v.version_id
  cross join lateral (select tmidb.visible_diff(v.diff, r.fields) as seen offset 0) d
  where (p_category is null or r.category = p_category)
    and (r.fields is null or v.minor = 0 or exists (select from jsonb_each(d.seen) k where k.value <> '[]'))
  order by v.created_at desc, v.version_id desc
$$;

comment on function tmidb.schema_changes(text) is
  'Versions of categories (null: all), newest first: when each was made, its compatibility class (initial, additive, widening, breaking), what it changed as JSON and in words, when readings of it came (to the minute) and an example.';
revoke all on function tmidb.schema_changes(text) from public;
grant execute on function tmidb.schema_changes(text) to tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
