-- SPDX-License-Identifier: MIT
-- No function of ours claims to be leakproof: the planner would run it before row security.
select format('function %s', p.oid::regprocedure) as what
from pg_proc p
where p.pronamespace in ('tmidb'::regnamespace, 'api'::regnamespace) and p.proleakproof
