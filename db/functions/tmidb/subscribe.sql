-- SPDX-License-Identifier: MIT
-- after: classify, create_target, listener_named
-- What a listener may read. Null means all: categories, targets, fields. Saying it again for the same category and target replaces
-- the fields; several subscriptions add up. Categories and targets may be subscribed to before their first reading.
create or replace function tmidb.subscribe(p_listener text, p_category text, p_targets text[] default null, p_fields text[] default null)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_listener bigint := tmidb.listener_named(p_listener);
  v_category smallint;
begin
  if p_category is not null then
    if p_category !~ '^[a-z][a-z0-9_]{0,47}$' then
      raise exception 'The category name % cannot be used.', quote_literal(left(p_category, 80)) using errcode = 'TM104',
        hint = 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.';
    end if;
    insert into tmidb.category (name) values (p_category) on conflict (name) do nothing;
    select category_id into v_category from tmidb.category where name = p_category;
  end if;
  insert into tmidb.listener_subscriptions (listener_id, category_id, target_id, fields)
  select v_listener, v_category, case when k is not null then tmidb.create_target(k) end, p_fields
  from (select distinct unnest(coalesce(p_targets, array[null::text])) as k) t
  on conflict (listener_id, category_id, target_id) do update set fields = excluded.fields;
  perform tmidb.classify(v_listener);
end $$;

comment on function tmidb.subscribe(text, text, text[], text[]) is
  'Lets a listener read fields of targets in a category; null for any of them means all. The field gps is the object with all its members, gps.lat one of them; a "." or "\" in a key is written "\." or "\\".';
revoke all on function tmidb.subscribe(text, text, text[], text[]) from public;
grant execute on function tmidb.subscribe(text, text, text[], text[]) to tmidb_admin;
