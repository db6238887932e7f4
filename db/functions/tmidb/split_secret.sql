-- SPDX-License-Identifier: MIT
-- Cuts a definition in what may be read and what nobody reads: {"config", "secret"}. Header values and the password of a database are
-- secret and stand as *** in config. Who sends *** back keeps what was there, as long as it goes to the same place as before.
create or replace function tmidb.split_secret(p_kind text, p_config jsonb, p_old_config jsonb default null, p_old_secret jsonb default null)
returns jsonb
language plpgsql immutable set search_path = pg_catalog, pg_temp
as $$
declare
  c_password constant text := '^([A-Za-z]+://[^:/@]*):.*@';
  v_url text := p_config->>'url';
  v_place text := lower(substring(regexp_replace(v_url, '//.*@', '//') from '^[^:]+://[^/?#]+'));
  v_same boolean := v_place = lower(substring(regexp_replace(p_old_config->>'url', '//.*@', '//') from '^[^:]+://[^/?#]+'));
  v_headers jsonb;
begin
  if p_kind = 'postgres' then
    if v_url ~ '^[A-Za-z]+://[^:/@]*:\*\*\*@' then
      if v_same is not true then
        raise exception 'Another server needs its password said anew.' using errcode = 'TM108';
      end if;
      v_url := regexp_replace(v_url, c_password, '\1:' || replace(substring(p_old_secret->>'url' from '^[A-Za-z]+://[^:/@]*:(.*)@'), '\', '\\') || '@');
    end if;
    return jsonb_build_object('config', p_config || jsonb_build_object('url', regexp_replace(v_url, c_password, '\1:***@')),
      'secret', jsonb_build_object('url', v_url));
  end if;
  if not p_config ? 'headers' then
    return jsonb_build_object('config', p_config, 'secret', '{}'::jsonb);
  end if;
  if v_same is not true and exists (select from jsonb_each_text(p_config->'headers') where value = '***') then
    raise exception 'Another server needs its headers said anew.' using errcode = 'TM108';
  end if;
  select coalesce(jsonb_object_agg(key, case when value = '"***"' then coalesce(p_old_secret#>array['headers', key], value) else value end), '{}')
  into v_headers from jsonb_each(p_config->'headers');
  return jsonb_build_object('secret', jsonb_build_object('headers', v_headers), 'config', p_config || jsonb_build_object('headers',
    (select coalesce(jsonb_object_agg(key, '***'), '{}') from jsonb_each(v_headers))));
end $$;

comment on function tmidb.split_secret(text, jsonb, jsonb, jsonb) is 'A definition as {"config", "secret"}.';
revoke all on function tmidb.split_secret(text, jsonb, jsonb, jsonb) from public;
