-- SPDX-License-Identifier: MIT
-- Up Migration
-- What is kept apart is kept once, however often a stream is read again (a backup that is put back, a cursor that is set back).

alter table tmidb.raw_bucket add column origin text, add constraint raw_bucket_origin_is_unique unique (origin);
comment on column tmidb.raw_bucket.origin is
  'By which a repeat is known: of a message "<stream>/<its birth>/<sequence>/<number>", of a reading "r/" and the hash of what identifies it.';

-- Down Migration
alter table tmidb.raw_bucket drop column origin;
