-- SPDX-License-Identifier: MIT
-- after: record_audit, audit_names
-- Every row that an administrator adds, changes or removes is in the audit, with what was before and after, whichever function or
-- statement did it. One function for all tables; what is special of a table stands in the list below. Its arguments: kinds of an insert,
-- an update and a delete ('': not audited), what its resource is called and by which columns ('': whose it is), secrets (shown as ***),
-- columns that do not count (worked out, counted), and what is told apart: "column kind", the first that changed.
create or replace function tmidb.tg_any__audit() returns trigger
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_before jsonb;
  v_after jsonb;
  v_row jsonb;
  v_names jsonb;
  v_kind text := TG_ARGV[case TG_OP when 'INSERT' then 0 when 'UPDATE' then 1 else 2 end];
  v_secret text;
begin
  if TG_OP <> 'INSERT' then v_before := to_jsonb(OLD) - TG_ARGV[6]::text[]; end if;
  if TG_OP <> 'DELETE' then v_after := to_jsonb(NEW) - TG_ARGV[6]::text[]; end if;
  if v_kind = '' or v_before = v_after then return null; end if;
  v_row := coalesce(v_after, v_before);
  if TG_OP = 'UPDATE' then
    select jsonb_object_agg(key, v_before->key), jsonb_object_agg(key, value) into v_before, v_after
    from jsonb_each(v_after) where value is distinct from v_before->key;
  end if;
  if TG_OP = 'UPDATE' or (TG_OP = 'INSERT' and TG_ARGV[0] = TG_ARGV[1]) then
    for i in reverse TG_NARGS - 1..7 loop
      if (case TG_OP when 'INSERT' then jsonb_strip_nulls(v_after) else v_after end) ? split_part(TG_ARGV[i], ' ', 1) then v_kind := split_part(TG_ARGV[i], ' ', 2); end if;
    end loop;
  end if;
  foreach v_secret in array TG_ARGV[5]::text[] loop
    if v_before->>v_secret <> '{}' then v_before := v_before || jsonb_build_object(v_secret, '***'); end if;
    if v_after->>v_secret <> '{}' then v_after := v_after || jsonb_build_object(v_secret, '***'); end if;
  end loop;
  v_names := tmidb.audit_names(v_row);
  if v_row ?| string_to_array(TG_ARGV[4], ',') then
    v_names := v_names || jsonb_build_object(TG_ARGV[3], (select string_agg(regexp_replace(v_row->>c, '^\\x', 'sha256:'), ' ' order by o)
      from unnest(string_to_array(TG_ARGV[4], ',')) with ordinality u(c, o)));
  end if;
  perform tmidb.record_audit(v_kind, p_before => v_before, p_after => v_after,
    p_resource => case when TG_ARGV[4] <> '' then TG_ARGV[3] || ':' || (v_names->>TG_ARGV[3])
      else coalesce('listener:' || (v_names->>'listener'), 'user:' || (v_names->>'user'), 'role:' || (v_names->>'role'),
        'speaker:' || (v_names->>'speaker'), TG_ARGV[3]) end,
    p_detail => v_names || case when v_row ? 'prefix' then jsonb_build_object('token', v_row->'prefix')
      when v_row ? 'field' then jsonb_build_object('field', v_row->'field') else '{}' end);
  return null;
end $$;

comment on function tmidb.tg_any__audit() is 'Writes an inserted, changed or removed row into the audit.';
revoke all on function tmidb.tg_any__audit() from public;

-- Made anew as a whole, so that what is no longer in the list has no trigger. (db/lint/audited_tables names every table without one.)
do $$
declare
  t record;
begin
  for t in select tgrelid::regclass as tab, tgname from pg_trigger
           where tgfoid = 'tmidb.tg_any__audit()'::regprocedure loop
    execute format('drop trigger %I on %s', t.tgname, t.tab);
  end loop;
  for t in
    select l.*, c.oid::regclass as tab
    from (values
      ('account', 'account.created', 'account.changed', 'account.removed', 'user', 'login', '{password_hash}',
        '{class_id,speaker_id,role_name,password_changed_at,last_login_at}',
        '{disabled_at account.disabled,role_id account.role_changed,password_hash account.password_changed}'),
      ('token', 'token.created', 'token.changed', 'token.removed', 'token', '', '{hash}', '{used_at,use_count}', '{revoked_at token.revoked}'),
      ('listener', 'listener.created', 'listener.changed', 'listener.removed', 'listener', 'name', '{}', '{class_id,role_name}', '{}'),
      ('speaker', 'speaker.created', 'speaker.changed', 'speaker.removed', 'speaker', 'name', '{}', '{role_name,class_id}', '{}'),
      ('access_grant', 'grant.added', 'grant.changed', 'grant.removed', 'grant', '', '{}', '{}', '{}'),
      ('access_role', 'role.created', 'role.changed', 'role.removed', 'role', 'name', '{}', '{class_id}', '{}'),
      ('target_group', 'group.created', 'group.changed', 'group.removed', 'group', 'name', '{}', '{}', '{}'),
      -- A reading makes a target or a category, and no administrator did; who makes a target by hand says so (tmidb.create_target).
      ('target', '', 'target.changed', 'target.removed', 'target', 'key', '{}', '{}', '{}'),
      ('category', '', 'category.changed', 'category.removed', 'category', 'name', '{}',
        '{is_overflowing,raw_from,minute_from,hour_from,day_from,rollup_since}',
        '{is_strict category.strict,description category.described}'),
      ('field_setting', 'field.described', 'field.described', 'field.removed', 'category', 'category', '{}', '{changed_at}', '{type field.pinned}'),
      ('ingest_connector', 'connector.created', 'connector.changed', 'connector.removed', 'connector', 'name', '{secret}',
        '{state,next_run_at,run_id,run_process,run_until,failures,failing_since}', '{}'),
      ('document', 'document.added', 'document.changed', 'document.removed', 'document', 'hash', '{}', '{body}', '{}'),
      ('request_limit', 'limit.changed', 'limit.changed', 'limit.changed', 'limit', 'role', '{}', '{}', '{}'),
      ('rate_limit', 'limit.changed', 'limit.changed', 'limit.changed', 'limit', 'scope,endpoint,subject', '{}', '{}', '{}'),
      ('instance', 'instance.changed', 'instance.changed', 'instance.changed', 'instance', '', '{secret}', '{}', '{}')
    ) as l(name, created, changed, removed, word, named_by, secrets, uncounted, apart)
    join pg_class c on c.relname = l.name and c.relnamespace = 'tmidb'::regnamespace and c.relkind = 'r'
  loop
    execute format('create trigger audit after insert or update or delete on %s for each row execute function tmidb.tg_any__audit(%s)', t.tab,
      (select string_agg(quote_literal(a), ', ' order by o)
       from unnest(array[t.created, t.changed, t.removed, t.word, t.named_by, t.secrets, t.uncounted] || t.apart::text[]) with ordinality u(a, o)));
  end loop;
end $$;
