-- SPDX-License-Identifier: MIT
-- By which a reading that waits in quarantine is known when it comes again: what also tells stored readings apart.
create or replace function tmidb.origin_of(p_category text, p_target text, p_ts timestamptz, p_mid text, p_payload jsonb) returns text
language sql immutable parallel safe set search_path = pg_catalog, pg_temp
as $$
  select 'r/' || md5(jsonb_build_array(p_category, p_target, extract(epoch from p_ts), p_mid, case when p_mid is null then p_payload end)::text)
$$;

comment on function tmidb.origin_of(text, text, timestamptz, text, jsonb) is 'Identity of a parked reading, for tmidb.raw_bucket.origin.';
revoke all on function tmidb.origin_of(text, text, timestamptz, text, jsonb) from public;
