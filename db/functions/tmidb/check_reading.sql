-- SPDX-License-Identifier: MIT
-- The gate for what comes in by SQL; what jsonb itself refuses (syntax, U+0000, surrogates) need not be looked at again.
create or replace function tmidb.check_reading(p_category text, p_target text, p_data jsonb) returns void
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
begin
  if p_category is null or p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
    raise exception 'The category name % cannot be used.', coalesce(quote_literal(left(p_category, 80)), 'null') using errcode = 'TM104',
      hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
  elsif p_target is null or octet_length(p_target) not between 1 and 256 or p_target ~ '[\x01-\x1f\x7f]' then
    raise exception 'The target key % cannot be used.', coalesce(quote_literal(left(p_target, 80)), 'null') using errcode = 'TM105',
      hint = 'Use 1 to 256 bytes without control characters.';
  elsif p_data is null or jsonb_typeof(p_data) <> 'object' then
    raise exception 'A reading is a JSON object.' using errcode = 'TM202', hint = 'Wrap the value: {"value": 21.5}.';
  elsif octet_length(p_data::text) > 1000000 then
    raise exception 'The reading is larger than 1 MB.' using errcode = 'TM212', hint = 'Send files as files.';
  elsif jsonb_path_exists(p_data, 'strict $.**{32} ? (@.type() == "object" || @.type() == "array")') then
    raise exception 'The reading is nested deeper than 32 levels.' using errcode = 'TM203', hint = 'Flatten it.';
  elsif (select count(*) > 1000 from jsonb_path_query(p_data, 'strict $.** ? (@.type() == "object").keyvalue()')) then
    raise exception 'The reading has more than 1,000 keys.' using errcode = 'TM204', hint = 'Split it by category.';
  elsif exists (select from jsonb_path_query(p_data, 'strict $.** ? (@.type() == "object").keyvalue().key') k
                where octet_length(k #>> '{}') > 256) then
    raise exception 'A key is longer than 256 bytes.' using errcode = 'TM205', hint = 'Shorten it.';
  elsif jsonb_path_exists(p_data, 'strict $.** ? (@.type() == "number" && (@ > 1.7e308 || @ < -1.7e308 || (@ < 2.3e-308 && @ > -2.3e-308 && @ <> 0)))') then
    raise exception 'A number is not a finite float64.' using errcode = 'TM207', hint = 'Send it as a string.';
  elsif exists (select from jsonb_path_query(p_data, 'strict $.** ? (@.type() == "string")') s where octet_length(s #>> '{}') > 65536) then
    raise exception 'A string is longer than 64 kB.' using errcode = 'TM206', hint = 'Send files as files.';
  end if;
end $$;

comment on function tmidb.check_reading(text, text, jsonb) is 'Raises what is wrong with a reading, in the words of tmidb.error_code.';
revoke all on function tmidb.check_reading(text, text, jsonb) from public;
