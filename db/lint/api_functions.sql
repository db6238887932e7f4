-- SPDX-License-Identifier: MIT
-- Each function of the schema api is called by name over REST and GraphQL: one of a name, every argument named, nobody but request roles may execute it; what writes runs with the rights of who calls, and who only reads may not execute it, but for what is about one's own tokens.
-- level: error
select format('%s: %s', p.oid::regprocedure, e.what) as what
from pg_proc p
cross join lateral (
  select 'has a namesake' as what where exists (select from pg_proc o where o.pronamespace = p.pronamespace and o.proname = p.proname and o.oid <> p.oid)
  union all select 'writes with the rights of its owner' where p.provolatile = 'v' and p.prosecdef
  union all select 'has an argument without a name' where p.pronargs > 0
    and (p.proargnames is null or exists (select from unnest(p.proargnames[1:p.pronargs]) n where n = ''))
  union all select 'may be executed by ' || case a.grantee when 0 then 'public' else a.grantee::regrole::text end
    from aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
    where a.grantee <> p.proowner
      and (a.grantee = 0 or a.grantee::regrole::text <> all (case
        when p.proname in ('create_token', 'rotate_token', 'revoke_token') then array['tmidb_speaker', 'tmidb_listener', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin']
        when p.provolatile = 'v' then array['tmidb_speaker', 'tmidb_member', 'tmidb_editor', 'tmidb_admin']
        else array['tmidb_listener', 'tmidb_viewer', 'tmidb_editor', 'tmidb_admin'] end))) e
where p.pronamespace = 'api'::regnamespace and p.prokind = 'f' and p.prorettype <> 'trigger'::regtype
