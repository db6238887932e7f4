-- SPDX-License-Identifier: MIT
-- after: version_diff, diff_class, diff_words
-- What lies between any two versions of a category.
create or replace function tmidb.schema_diff(p_category text, p_from text, p_to text) returns jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_lists jsonb[] := '{}';
  v_fields jsonb;
  v_version text;
  v_diff jsonb;
begin
  foreach v_version in array array[p_from, p_to] loop
    select v.fields into v_fields from tmidb.schema_version v join tmidb.category c using (category_id)
    where c.name = p_category and v.major || '.' || v.minor = v_version;
    if not found then
      raise exception 'There is no version % of %.', quote_nullable(left(v_version, 20)), quote_nullable(left(p_category, 80)) using errcode = 'TM107',
        hint = 'Say category and versions as "tmictl schema list" shows them, such as sensor 1.0 2.0.';
    end if;
    v_lists := array_append(v_lists, v_fields);
  end loop;
  v_diff := tmidb.version_diff(v_lists[1], v_lists[2]);
  return jsonb_build_object('category', p_category, 'from', p_from, 'to', p_to, 'compatibility', tmidb.diff_class(v_diff), 'diff', v_diff,
    'changes', tmidb.diff_words(v_diff));
end $$;

comment on function tmidb.schema_diff(text, text, text) is
  'Differences of two versions: {"category", "from", "to", "compatibility", "diff", "changes" in words}. TM107: there is no such version.';
revoke all on function tmidb.schema_diff(text, text, text) from public;
grant execute on function tmidb.schema_diff(text, text, text) to tmidb_viewer, tmidb_editor, tmidb_admin;
