-- SPDX-License-Identifier: MIT
-- Administrators have accounts of their own, so that the audit says who it was: not all share the login admin.
-- level: info
select 'the login admin is the only administrator' as what,
  'tmictl user create <login> --role admin for each, and keep the password of admin for emergencies.' as mend
where (select array_agg(a.login) from tmidb.account a join tmidb.access_role r using (role_id) where r.request_role = 'tmidb_admin') = '{admin}'
