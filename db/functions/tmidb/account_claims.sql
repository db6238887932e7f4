-- SPDX-License-Identifier: MIT
-- after: request_timeout, account_speaker, with_reach
-- As what a person's requests run, and as whom they write.
create or replace function tmidb.account_claims(p_account_id bigint) returns jsonb
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  select tmidb.with_reach(jsonb_strip_nulls(jsonb_build_object('role', r.request_role, 'name', a.login, 'account_id', a.account_id::text,
    'speaker_id', tmidb.account_speaker(a.account_id)::text, 'timeout_ms', tmidb.request_timeout(r.request_role))))
  from tmidb.account a join tmidb.access_role r using (role_id) where a.account_id = p_account_id and a.disabled_at is null
$$;
comment on function tmidb.account_claims(bigint) is 'The claims of a person: {"role", "name", "account_id", "speaker_id", "timeout_ms", "few"?}; null if the account is disabled.';
revoke all on function tmidb.account_claims(bigint) from public;
