-- SPDX-License-Identifier: MIT
-- after: has_double_key, text_of
-- What bytes say as JSON, refused in the words of every other way in.
create or replace function tmidb.dead_letter_document(p_raw bytea) returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  v_text text := ltrim(tmidb.text_of(p_raw), chr(65279));
  v_said text;
begin
  if v_text is null then
    raise exception 'The text is not valid UTF-8.' using errcode = 'TM209', hint = 'Give it anew, as --raw or as --payload.';
  end if;
  begin
    if tmidb.has_double_key(v_text::json) then
      raise exception 'A key appears twice.' using errcode = 'TM210', hint = 'Keep one of them.';
    end if;
    return v_text::jsonb;
  exception
    when untranslatable_character then
      raise exception 'A string holds the character U+0000.' using errcode = 'TM208', hint = 'Remove it.';
    when statement_too_complex then
      raise exception 'This is nested too deeply.' using errcode = 'TM203', hint = 'At most 32 levels are kept.';
    when data_exception then
      get stacked diagnostics v_said = pg_exception_detail;
      if v_said ~ 'surrogate' then
        raise exception 'The text is not valid UTF-8.' using errcode = 'TM209', detail = v_said, hint = 'A lone surrogate stands for nothing.';
      end if;
      raise exception 'This is not JSON.%', coalesce(' ' || left(v_said, 200), '') using errcode = 'TM201', hint = 'Repair it, then replay it.';
  end;
end $$;

comment on function tmidb.dead_letter_document(bytea) is 'The JSON document that the bytes are; raises what is wrong with them.';
revoke all on function tmidb.dead_letter_document(bytea) from public;
