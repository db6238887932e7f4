-- SPDX-License-Identifier: MIT
-- after: queue_connector, pull_statement
-- Begins a run: what to ask and how far it is, or null where there is nothing to do (not due, under way, switched off, gone). The run
-- that is noted here is the only one that may finish. A lease of another process is over, since there is one consumer: a killed one
-- leaves it behind.
create or replace function tmidb.lease_connector(p_connector_id bigint, p_process uuid, p_run_id bigint default null, p_is_try boolean default false)
returns jsonb
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp
as $$
declare
  v tmidb.ingest_connector;
  v_run bigint := p_run_id;
begin
  select * into v from tmidb.ingest_connector where connector_id = p_connector_id for update;
  if not found then return null; end if;
  if not p_is_try then
    if v.run_id is not null and v.run_process = p_process and v.run_until > now() then
      if p_run_id is not null then
        perform graphile_worker.add_job('run_connector', json_build_object('connector', p_connector_id::text, 'run', p_run_id::text, 'try', false),
          run_at => now() + interval '1 second', max_attempts => 5);
      end if;
      return null;
    end if;
    if p_run_id is null then
      if not v.is_enabled then return null; end if;
      if v.next_run_at > now() then
        perform tmidb.queue_connector(p_connector_id);
        return null;
      end if;
      v_run := nextval('tmidb.connector_run_run_id_seq');
    end if;
    update tmidb.ingest_connector set run_id = v_run, run_process = p_process, run_until = now() + interval '10 minutes'
    where connector_id = p_connector_id;
  end if;
  return jsonb_build_object('connector', p_connector_id::text, 'run', v_run::text, 'try', p_is_try, 'started_at', now(), 'name', v.name,
    'kind', v.kind, 'config', v.config || v.secret, 'state', v.state - 'ties',
    'statement', case when v.kind = 'postgres' then tmidb.pull_statement(v.config, v.state) end,
    'ties', coalesce(jsonb_array_length(v.state->'ties'), 0));
end $$;

comment on function tmidb.lease_connector(bigint, uuid, bigint, boolean) is 'Begins a run of a connector; null where there is nothing to do.';
revoke all on function tmidb.lease_connector(bigint, uuid, bigint, boolean) from public;
grant execute on function tmidb.lease_connector(bigint, uuid, bigint, boolean) to tmidb_drain;
