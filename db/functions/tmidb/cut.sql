-- SPDX-License-Identifier: MIT
-- after: key_name
-- A payload cut to the fields of a mask: {"gps": 1} shows the object gps whole, {"gps.lat": 1} shows {"gps": {"lat": ...}}. An object of
-- which nothing is shown is not there. No search_path is set, which would cost more than the cut of a small payload.
create or replace function tmidb.cut(p_payload jsonb, p_mask jsonb, p_within text default '') returns jsonb
language plpgsql immutable parallel safe
as $$
begin
  return (
    select coalesce(jsonb_object_agg(m.key, m.shown) filter (where m.shown is not null), '{}')
    from (
      select e.key, case when p_mask ? n.name then e.value
        when jsonb_typeof(e.value) = 'object' then nullif(tmidb.cut(e.value, p_mask, n.name || '.'), '{}') end as shown
      from jsonb_each(p_payload) e cross join lateral (select p_within || tmidb.key_name(e.key) as name) n
      offset 0) m);
end $$;

comment on function tmidb.cut(jsonb, jsonb, text) is 'A payload with only the fields that a mask {"<name>": 1} shows.';
revoke all on function tmidb.cut(jsonb, jsonb, text) from public;
