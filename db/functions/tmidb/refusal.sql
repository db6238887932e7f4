-- SPDX-License-Identifier: MIT
-- What is said of one reading that raised an error: a code of ours as it is, anything else as TM218.
create or replace function tmidb.refusal(p_sqlstate text, p_message text) returns jsonb
language sql immutable set search_path = pg_catalog, pg_temp
as $$
  select jsonb_build_object('code', case when p_sqlstate ~ '^TM\d{3}$' then p_sqlstate else 'TM218' end, 'message', left(p_message, 300))
$$;

comment on function tmidb.refusal(text, text) is 'Code and message of a refused reading: {"code", "message"}.';
revoke all on function tmidb.refusal(text, text) from public;
