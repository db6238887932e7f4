-- SPDX-License-Identifier: MIT
-- after: reading_ts, refusal
-- The readings of rows from a foreign PostgreSQL, [{"w": watermark, "t": its type, "r": row}]: target, ts and mid are columns (or
-- {"value": constant}); without ts a watermark that is a time is it. The envelope's columns are no fields.
create or replace function tmidb.pulled_readings(p_config jsonb, p_rows jsonb, p_target text, p_now timestamptz) returns setof jsonb
language plpgsql stable security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v_target_column text := case when jsonb_typeof(p_config->'target') = 'string' then p_config->>'target' end;
  v_ts_column text := p_config->>'ts';
  v_mid_column text := p_config->>'mid';
  v_one jsonb;
  v_row jsonb;
  v_target text;
  v_ts timestamptz;
begin
  for v_one in select x from jsonb_array_elements(p_rows) x loop
    v_row := v_one->'r';
    v_target := case when v_target_column is not null then v_row->>v_target_column else coalesce(p_config#>>'{target,value}', p_target) end;
    begin
      if v_target is null then
        raise exception 'It is not said which target this is of: the column % is empty.', quote_literal(v_target_column) using errcode = 'TM213';
      end if;
      v_ts := case when v_ts_column is not null then tmidb.reading_ts(v_row->v_ts_column, p_config->>'zone')
        when v_one->>'t' in ('timestamp with time zone', 'timestamp without time zone', 'date') then tmidb.reading_ts(v_one->'w', p_config->>'zone') end;
      return next jsonb_build_object('target', v_target, 'ts', coalesce(v_ts, p_now), 'mid', v_row->>v_mid_column,
        'data', v_row - array_remove(array[v_target_column, v_ts_column, v_mid_column], null));
    exception when others then
      return next tmidb.refusal(SQLSTATE, SQLERRM) || jsonb_build_object('target', v_target, 'item', v_row);
    end;
  end loop;
end $$;

comment on function tmidb.pulled_readings(jsonb, jsonb, text, timestamptz) is 'The readings of rows from a foreign PostgreSQL.';
revoke all on function tmidb.pulled_readings(jsonb, jsonb, text, timestamptz) from public;
