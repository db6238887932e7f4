-- SPDX-License-Identifier: MIT
-- after: short_example
-- Notes which versions the rows of a batch are of, at most once a minute and version. A row that another transaction is noting right
-- now is left to it: ingest waits for nobody here.
create or replace function tmidb.note_versions(p_versions int[], p_shape int[], p_payload text[]) returns void
language sql volatile security definer set search_path = pg_catalog, pg_temp
as $$
  with came as materialized (
    select distinct on (p_versions[u.s]) p_versions[u.s] as version_id, u.payload
    from unnest(p_shape, p_payload) with ordinality u(s, payload, o) order by 1, u.o
  ), stale as materialized (
    select version_id from tmidb.version_seen
    where version_id in (select version_id from came) and (last_seen is null or last_seen < now() - interval '1 minute')
    order by version_id for update skip locked
  )
  update tmidb.version_seen q
  set first_seen = coalesce(q.first_seen, now()), last_seen = now(), example = coalesce(q.example, tmidb.short_example(c.payload::jsonb))
  from stale join came c using (version_id) where q.version_id = stale.version_id
$$;

comment on function tmidb.note_versions(int[], int[], text[]) is 'Notes first and last time and an example of the versions of a batch''s rows.';
revoke all on function tmidb.note_versions(int[], int[], text[]) from public;
