-- SPDX-License-Identifier: MIT
-- after: grant_access
-- What a listener may read, as a grant to it: a list of targets, or a rule (p_group) that targets join and leave by what is said of them.
create or replace function tmidb.subscribe(p_listener text, p_category text, p_targets text[] default null, p_fields text[] default null,
  p_group text default null, p_window interval default null)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
begin
  perform tmidb.grant_access('listener:' || p_listener, '{read}', p_category, p_targets, p_group, p_fields, p_window);
end $$;
comment on function tmidb.subscribe(text, text, text[], text[], text, interval) is
  'Lets a listener read fields of targets, or of a group of targets, in a category, of readings that are not older than a window; null for any of them means all. The field gps is the object with all its members, gps.lat one of them; a "." or "\" in a key is written "\." or "\\".';
revoke all on function tmidb.subscribe(text, text, text[], text[], text, interval) from public;
grant execute on function tmidb.subscribe(text, text, text[], text[], text, interval) to tmidb_admin;
