-- SPDX-License-Identifier: MIT
-- Extensions are of the version that the server has by default: an older one misses its fixes until it is told.
-- level: warn
select format('%s is %s, and the server has %s', a.name, a.installed_version, a.default_version) as what,
  format('alter extension %I update;', a.name) as mend,
  a.comment
from pg_available_extensions a
where a.installed_version <> a.default_version
