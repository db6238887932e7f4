-- SPDX-License-Identifier: MIT
-- Of the readings of a connector that stores only changes, those whose payload is not the one before of their target; remembers what
-- was seen. What could not be read passes through: it has its own way.
create or replace function tmidb.changed_readings(p_connector_id bigint, p_readings jsonb, p_is_try boolean) returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_changed jsonb;
begin
  with r as (
    select x, o, x->>'target' as target, jsonb_hash_extended(x->'data', 0) as digest
    from jsonb_array_elements(p_readings) with ordinality a(x, o)
  ), d as (
    select r.x, r.o, r.digest is null
      or r.digest is distinct from coalesce(lag(r.digest) over (partition by r.target order by r.o), s.digest) as is_new
    from r left join tmidb.connector_seen s on s.connector_id = p_connector_id and s.target = r.target
  )
  select coalesce(jsonb_agg(x order by o) filter (where is_new), '[]') into v_changed from d;
  if not p_is_try then
    insert into tmidb.connector_seen (connector_id, target, digest)
    select distinct on (x->>'target') p_connector_id, x->>'target', jsonb_hash_extended(x->'data', 0)
    from jsonb_array_elements(p_readings) with ordinality a(x, o)
    where x ? 'data' and octet_length(x->>'target') <= 256 order by x->>'target', o desc
    on conflict (connector_id, target) do update set digest = excluded.digest where connector_seen.digest <> excluded.digest;
  end if;
  return v_changed;
end $$;

comment on function tmidb.changed_readings(bigint, jsonb, boolean) is 'The readings that differ from the one before of their target.';
revoke all on function tmidb.changed_readings(bigint, jsonb, boolean) from public;
