-- SPDX-License-Identifier: MIT
-- after: grants
-- Who sees a trace is decided by tmidb.geo_rights, in the functions of the API, and by nothing else: a policy would have to be asked
-- before the operators of the index over places, which are not leakproof, so the index could not be used. Hence nobody but the owner and
-- administrators has a right or a policy here; a view over the trace would need one that says what geo_rights says.
revoke all on tmidb.geo_trace, tmidb.geo_source from tmidb_views;
