-- SPDX-License-Identifier: MIT
-- after: audit_rows
-- The audit over REST and GraphQL, for administrators. What is looked for stands in arguments, so that an index finds it.
create or replace function api.audit_events(of_kind text default null, of_actor text default null, of_resource text default null,
  since timestamptz default null, most integer default 100)
returns table (seq text, at timestamptz, kind text, actor text, role text, resource text, detail jsonb, before jsonb, after jsonb, address text,
  agent text, request_id text)
language sql stable security definer set search_path = pg_catalog, pg_temp
as $$
  select a.seq, a.at::timestamptz, a.kind, a.actor, a.role, a.resource, a.detail, a.before, a.after, a.address, a.agent, a.request_id
  from tmidb.audit_rows(of_kind, of_actor, of_resource, since, least(most, 10000)) a
$$;

comment on function api.audit_events(text, text, text, timestamptz, integer) is $$@column seq Its place in the chain; null: it is not sealed yet (up to a second).
@column at When it happened, to the second.
@column kind What happened: token.revoked, grant.added, ...
@column actor Who did it, or tried.
@column role As what the actor was here.
@column resource On what it was done: listener:map, user:kim, category:sensor, ...
@column detail What else is known of it, names of what is pointed at among it.
@column before What was there: of a change the columns that differ.
@column after What is there now: of a change the columns that differ.
@column address From which address.
@column agent The program, as it calls itself.
@column request_id The request, as its answer and the log name it.
What was done or refused, by whom, newest first, at most 10,000: of a kind (token.revoked, or token. for all of tokens), an actor, a resource, since a time.$$;
revoke all on function api.audit_events(text, text, text, timestamptz, integer) from public;
grant execute on function api.audit_events(text, text, text, timestamptz, integer) to tmidb_admin;
