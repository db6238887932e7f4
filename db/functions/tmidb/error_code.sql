-- SPDX-License-Identifier: MIT
-- Everything that can be said when something is refused. The code is the SQLSTATE that SQL raises, the status is what HTTP
-- answers. src/base/error-codes.ts and docs/errors.md are generated from this file (npm run generate).
create or replace view tmidb.error_code as
select * from (values
  ('TM001', 409, 'This batch was already stored.', 'Nothing to do: another reader of the shard was faster.'),
  ('TM002', 409, 'The batch does not follow what is stored.', 'The reader opens the stream again at its cursor.'),
  ('TM100', 401, 'A token is needed.', 'Send "Authorization: Bearer <token>", or the token as MQTT password.'),
  ('TM101', 401, 'This token is not valid.', 'It is unknown, expired or revoked: ask an administrator for a new one.'),
  ('TM102', 403, 'This token may not do that.', 'Speakers write, listeners read; ask an administrator for the right one.'),
  ('TM103', 403, 'This token may not make new targets or categories.', 'Create them first, or allow it for the speaker.'),
  ('TM104', 400, 'This category name cannot be used.', 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.'),
  ('TM105', 400, 'This target key cannot be used.', 'Use 1 to 256 bytes without control characters.'),
  ('TM106', 409, 'This name is taken.', 'Choose another name.'),
  ('TM107', 404, 'There is nothing of this name.', 'Check the spelling; names are case-sensitive.'),
  ('TM108', 400, 'This definition cannot be used.', 'The message says which part; see the README for an example.'),
  ('TM109', 401, 'The login or the password is wrong.', 'Check both; an administrator can set a new password: tmictl user password <login>.'),
  ('TM110', 401, 'This session is over.', 'Sign in again.'),
  ('TM111', 403, 'This token may not be used from this address.', 'Its owner or an administrator says from where: tmictl token --help.'),
  ('TM112', 400, 'This password cannot be used.', 'Use at least 8 characters, none of the passwords that everybody tries first; 15 and more are better.'),
  ('TM113', 403, 'A request with a session comes from a page of this address only.', 'Send the token in "Authorization: Bearer <token>" instead of the cookie.'),
  ('TM201', 400, 'This is not JSON.', 'Send one JSON object, an array of objects, or one object a line (application/x-ndjson).'),
  ('TM202', 400, 'A reading is a JSON object.', 'Wrap the value: {"value": 21.5}.'),
  ('TM203', 400, 'This is nested too deeply.', 'At most 32 levels are kept.'),
  ('TM204', 400, 'There are too many keys.', 'At most 1,000 keys a reading; split it by category.'),
  ('TM205', 400, 'A key is too long.', 'At most 256 bytes.'),
  ('TM206', 400, 'A string is too long.', 'At most 64 kB; send files as files.'),
  ('TM207', 400, 'A number cannot be held.', 'Use finite float64 numbers, integers of at most 38 digits, or a string.'),
  ('TM208', 400, 'A string holds the character U+0000.', 'Remove it; no text column can keep it.'),
  ('TM209', 400, 'The text is not valid UTF-8.', 'Check the encoding and lone surrogates.'),
  ('TM210', 400, 'A key appears twice.', 'Keep one of them: which one is meant cannot be known.'),
  ('TM211', 400, 'The time of the reading cannot be read.', 'Use RFC 3339 with a zone, or epoch seconds, milliseconds or microseconds.'),
  ('TM212', 413, 'The body is too large.', 'At most 1 MB for one reading and 10 MB for a batch.'),
  ('TM213', 400, 'It is not said which target this is of.', 'Put the target in the path, in "target", or bind the token to one.'),
  ('TM214', 400, 'The message id cannot be used.', 'Use a string of 1 to 128 bytes or an integer.'),
  ('TM215', 400, 'There are keys beside "data".', 'Put every field inside "data", or leave "data" out.'),
  ('TM216', 422, 'The time of the reading is out of range.', 'From 1900, or as long as its category keeps readings, to one day ahead; the reading is kept in quarantine.'),
  ('TM217', 422, 'The room for this time is still being made.', 'Nothing to do: the reading is parked and stored within seconds.'),
  ('TM218', 422, 'The reading could not be stored.', 'It is kept in quarantine with the reason; repair and replay it.'),
  ('TM219', 415, 'This content type is not understood.', 'Use application/json or application/x-ndjson.'),
  ('TM220', 400, 'This is not line protocol.', 'measurement,tag=value field=1.5 1700000000000000000, one point a line.'),
  ('TM221', 403, 'This address may not be fetched.', 'Private and local addresses are refused unless their name is allowed.'),
  ('TM222', 502, 'The source could not be read.', 'The message says what it answered; it is tried again on schedule.'),
  ('TM223', 422, 'This category is strict, and the reading would break it.', 'The details say which fields differ; send the known types, or let an administrator lift "strict".'),
  ('TM301', 404, 'There is nothing here.', 'See /docs for the addresses that exist.'),
  ('TM302', 405, 'This address does not take that method.', 'See the Allow header.'),
  ('TM303', 400, 'The request cannot be read.', 'See /docs for its form.'),
  ('TM304', 400, 'This cursor cannot be used.', 'Start without one, or with one that an event carried.'),
  ('TM305', 400, 'The arguments of this function cannot be used.', 'The message says which; /docs lists the functions and their arguments.'),
  ('TM306', 409, 'This would break the API.', 'The details say what would be missing; keep it, or say --force.'),
  ('TM307', 404, 'This document is not known here.', 'Register it first, or send the query itself if that is allowed.'),
  ('TM308', 400, 'The request costs too much.', 'Ask for smaller pages or fewer levels.'),
  ('TM309', 403, 'This origin may not open a socket here.', 'Add it to TMIDB_ALLOWED_ORIGINS.'),
  ('TM400', 429, 'Too much is in flight.', 'Wait as long as Retry-After says and send again.'),
  ('TM401', 503, 'The store cannot be reached right now.', 'Nothing was taken; send again.'),
  ('TM402', 503, 'The disk is almost full.', 'Nothing was taken; make room, then send again.'),
  ('TM403', 429, 'The limit of requests is used up.', 'Wait as long as Retry-After says; tmictl limits shows the limits.'),
  ('TM500', 500, 'Something went wrong here.', 'The request id finds it in the log.'),
  ('TM501', 500, 'The instance cannot start like this.', 'The message says what to change.')
) as t(code, status, sentence, hint);

comment on view tmidb.error_code is 'Every error that tmiDB raises: code (SQLSTATE), HTTP status, sentence and hint.';
comment on column tmidb.error_code.code is 'What the sender is told, and the SQLSTATE.';
comment on column tmidb.error_code.status is 'What HTTP answers.';
comment on column tmidb.error_code.sentence is 'What is wrong.';
comment on column tmidb.error_code.hint is 'What to do.';
