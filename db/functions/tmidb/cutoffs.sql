-- SPDX-License-Identifier: MIT
-- after: rules
-- The moments from which on rules show more, oldest first: width_bucket(ts, cutoffs) is the age class of a reading. Null where no grant
-- has a time window, which is nearly always: nothing is computed for a row then. Time goes on within a transaction.
create or replace function tmidb.cutoffs(p_rules jsonb) returns timestamptz[]
language sql stable strict set search_path = pg_catalog, pg_temp
as $$
  select case when p_rules ? 'w' then array(
    select statement_timestamp() - w.seconds::bigint * interval '1 second' from jsonb_array_elements_text(p_rules -> 'w') with ordinality w(seconds, o) order by o) end
$$;
create or replace function tmidb.cutoffs() returns timestamptz[]
language sql stable set search_path = pg_catalog, pg_temp
as $$ select tmidb.cutoffs(tmidb.rules()) $$;
comment on function tmidb.cutoffs(jsonb) is 'Moments from which on these rules show more, oldest first; null: there is none.';
comment on function tmidb.cutoffs() is 'The same of the one who asks.';
revoke all on function tmidb.cutoffs(jsonb) from public;
revoke all on function tmidb.cutoffs() from public;
grant execute on function tmidb.cutoffs(jsonb) to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
grant execute on function tmidb.cutoffs() to tmidb_views, tmidb_anonymous, tmidb_speaker, tmidb_listener, tmidb_viewer,
  tmidb_editor, tmidb_admin;
