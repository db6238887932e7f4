-- SPDX-License-Identifier: MIT
-- after: granted_targets, target_key
-- Who may write what, for every way in: of these targets the ones that a speaker may not write readings of a category for. A speaker
-- writes what it was granted, or everything if it never had a grant; one for a single target only that. The speaker of an administrator
-- or editor writes everything, of another person what that person and its role were granted, of one who is disabled or gone nothing.
create or replace function tmidb.refused_targets(p_speaker_id bigint, p_category text, p_targets text[])
returns table (target text, code text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  with who as materialized (
    select tmidb.target_key(s.target_id) as bound, s.may_create, a.account_id,
      s.is_restricted and coalesce(r.request_role not in ('tmidb_admin', 'tmidb_editor'), true) as is_restricted
    from tmidb.speaker s left join tmidb.account a on a.speaker_id = s.speaker_id and a.disabled_at is null left join tmidb.access_role r using (role_id)
    where s.speaker_id = p_speaker_id
  ), granted as materialized (
    select g.key from who w cross join lateral tmidb.granted_targets('write', p_speaker_id, w.account_id, p_category, p_targets) g(key)
    where w.is_restricted
  ), judged as (
    select k.key, case
      when w.may_create is null or w.bound is not null and w.bound is distinct from k.key
        or w.is_restricted and not exists (select from granted g where g.key is not distinct from k.key) then 'TM102'
      when not w.may_create and (not exists (select from tmidb.target t where t.key = k.key)
        or not exists (select from tmidb.category c where c.name = p_category)) then 'TM103' end as code
    from (select distinct unnest(p_targets)) k(key) left join who w on true
  )
  select key, code from judged where code is not null
$$;
comment on function tmidb.refused_targets(bigint, text, text[]) is
  'Of these targets (null: all) the ones that a speaker may not write: TM102 not granted, TM103 it may not make new targets or categories.';
revoke all on function tmidb.refused_targets(bigint, text, text[]) from public;
grant execute on function tmidb.refused_targets(bigint, text, text[]) to tmidb_edge;
