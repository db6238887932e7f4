-- SPDX-License-Identifier: MIT
-- after: schema_changes
-- The history of all categories over REST and GraphQL; filters of the API cut it to one category.
create or replace function api.schema_changes()
returns table (at timestamptz, category text, version text, compatibility text, changes text, diff jsonb, first_seen timestamptz,
  last_seen timestamptz, example jsonb)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$ select at, category, version, compatibility, changes, diff, first_seen, last_seen, example from tmidb.schema_changes() $$;

comment on function api.schema_changes() is $$@column at When the version was made.
@column version Major and minor: "1.3".
@column compatibility initial, additive, widening or breaking.
@column changes What it changed, in words.
@column diff {"added": [{name, type}], "widened": [{name, from, to}], "changed": [{name, from, to}], "renamed": [{name, from, to}], "removed": [{name, type}]}.
@column first_seen When its first reading was stored; only for who sees all fields of all targets.
@column last_seen When its newest reading was stored, to the minute; only for who sees all fields of all targets.
@column example A payload of it, at most 8 kB; only for who sees all fields of all targets.
How the schemas of categories changed, newest first: one row a version, cut to what you may see.$$;
revoke all on function api.schema_changes() from public;
grant execute on function api.schema_changes() to tmidb_listener, tmidb_viewer, tmidb_editor, tmidb_admin;
