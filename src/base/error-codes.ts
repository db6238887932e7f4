// SPDX-License-Identifier: MIT
// Generated from db/functions/tmidb/error_code.sql by "npm run generate"; do not edit.
export type ErrorCode =
  | 'TM001'
  | 'TM002'
  | 'TM100'
  | 'TM101'
  | 'TM102'
  | 'TM103'
  | 'TM104'
  | 'TM105'
  | 'TM106'
  | 'TM107'
  | 'TM108'
  | 'TM109'
  | 'TM110'
  | 'TM111'
  | 'TM112'
  | 'TM113'
  | 'TM201'
  | 'TM202'
  | 'TM203'
  | 'TM204'
  | 'TM205'
  | 'TM206'
  | 'TM207'
  | 'TM208'
  | 'TM209'
  | 'TM210'
  | 'TM211'
  | 'TM212'
  | 'TM213'
  | 'TM214'
  | 'TM215'
  | 'TM216'
  | 'TM217'
  | 'TM218'
  | 'TM219'
  | 'TM220'
  | 'TM221'
  | 'TM222'
  | 'TM223'
  | 'TM301'
  | 'TM302'
  | 'TM303'
  | 'TM304'
  | 'TM305'
  | 'TM306'
  | 'TM307'
  | 'TM308'
  | 'TM309'
  | 'TM400'
  | 'TM401'
  | 'TM402'
  | 'TM403'
  | 'TM500'
  | 'TM501'

export const errorTable: Record<ErrorCode, { status: number; sentence: string; hint: string }> = {
  TM001: { status: 409, sentence: 'This batch was already stored.', hint: 'Nothing to do: another reader of the shard was faster.' },
  TM002: { status: 409, sentence: 'The batch does not follow what is stored.', hint: 'The reader opens the stream again at its cursor.' },
  TM100: { status: 401, sentence: 'A token is needed.', hint: 'Send "Authorization: Bearer <token>", or the token as MQTT password.' },
  TM101: { status: 401, sentence: 'This token is not valid.', hint: 'It is unknown, expired or revoked: ask an administrator for a new one.' },
  TM102: { status: 403, sentence: 'This token may not do that.', hint: 'Speakers write, listeners read; ask an administrator for the right one.' },
  TM103: { status: 403, sentence: 'This token may not make new targets or categories.', hint: 'Create them first, or allow it for the speaker.' },
  TM104: { status: 400, sentence: 'This category name cannot be used.', hint: 'Use 1 to 48 of a-z, 0-9 and _, starting with a letter.' },
  TM105: { status: 400, sentence: 'This target key cannot be used.', hint: 'Use 1 to 256 bytes without control characters.' },
  TM106: { status: 409, sentence: 'This name is taken.', hint: 'Choose another name.' },
  TM107: { status: 404, sentence: 'There is nothing of this name.', hint: 'Check the spelling; names are case-sensitive.' },
  TM108: { status: 400, sentence: 'This definition cannot be used.', hint: 'The message says which part; see the README for an example.' },
  TM109: { status: 401, sentence: 'The login or the password is wrong.', hint: 'Check both; an administrator can set a new password: tmictl user password <login>.' },
  TM110: { status: 401, sentence: 'This session is over.', hint: 'Sign in again.' },
  TM111: { status: 403, sentence: 'This token may not be used from this address.', hint: 'Its owner or an administrator says from where: tmictl token --help.' },
  TM112: { status: 400, sentence: 'This password cannot be used.', hint: 'Use at least 8 characters, none of the passwords that everybody tries first; 15 and more are better.' },
  TM113: { status: 403, sentence: 'A request with a session comes from a page of this address only.', hint: 'Send the token in "Authorization: Bearer <token>" instead of the cookie.' },
  TM201: { status: 400, sentence: 'This is not JSON.', hint: 'Send one JSON object, an array of objects, or one object a line (application/x-ndjson).' },
  TM202: { status: 400, sentence: 'A reading is a JSON object.', hint: 'Wrap the value: {"value": 21.5}.' },
  TM203: { status: 400, sentence: 'This is nested too deeply.', hint: 'At most 32 levels are kept.' },
  TM204: { status: 400, sentence: 'There are too many keys.', hint: 'At most 1,000 keys a reading; split it by category.' },
  TM205: { status: 400, sentence: 'A key is too long.', hint: 'At most 256 bytes.' },
  TM206: { status: 400, sentence: 'A string is too long.', hint: 'At most 64 kB; send files as files.' },
  TM207: { status: 400, sentence: 'A number cannot be held.', hint: 'Use finite float64 numbers, integers of at most 38 digits, or a string.' },
  TM208: { status: 400, sentence: 'A string holds the character U+0000.', hint: 'Remove it; no text column can keep it.' },
  TM209: { status: 400, sentence: 'The text is not valid UTF-8.', hint: 'Check the encoding and lone surrogates.' },
  TM210: { status: 400, sentence: 'A key appears twice.', hint: 'Keep one of them: which one is meant cannot be known.' },
  TM211: { status: 400, sentence: 'The time of the reading cannot be read.', hint: 'Use RFC 3339 with a zone, or epoch seconds, milliseconds or microseconds.' },
  TM212: { status: 413, sentence: 'The body is too large.', hint: 'At most 1 MB for one reading and 10 MB for a batch.' },
  TM213: { status: 400, sentence: 'It is not said which target this is of.', hint: 'Put the target in the path, in "target", or bind the token to one.' },
  TM214: { status: 400, sentence: 'The message id cannot be used.', hint: 'Use a string of 1 to 128 bytes or an integer.' },
  TM215: { status: 400, sentence: 'There are keys beside "data".', hint: 'Put every field inside "data", or leave "data" out.' },
  TM216: { status: 422, sentence: 'The time of the reading is out of range.', hint: 'From 1900, or as long as its category keeps readings, to one day ahead; the reading is kept in quarantine.' },
  TM217: { status: 422, sentence: 'The room for this time is still being made.', hint: 'Nothing to do: the reading is parked and stored within seconds.' },
  TM218: { status: 422, sentence: 'The reading could not be stored.', hint: 'It is kept in quarantine with the reason; repair and replay it.' },
  TM219: { status: 415, sentence: 'This content type is not understood.', hint: 'Use application/json or application/x-ndjson.' },
  TM220: { status: 400, sentence: 'This is not line protocol.', hint: 'measurement,tag=value field=1.5 1700000000000000000, one point a line.' },
  TM221: { status: 403, sentence: 'This address may not be fetched.', hint: 'Private and local addresses are refused unless their name is allowed.' },
  TM222: { status: 502, sentence: 'The source could not be read.', hint: 'The message says what it answered; it is tried again on schedule.' },
  TM223: { status: 422, sentence: 'This category is strict, and the reading would break it.', hint: 'The details say which fields differ; send the known types, or let an administrator lift "strict".' },
  TM301: { status: 404, sentence: 'There is nothing here.', hint: 'See /docs for the addresses that exist.' },
  TM302: { status: 405, sentence: 'This address does not take that method.', hint: 'See the Allow header.' },
  TM303: { status: 400, sentence: 'The request cannot be read.', hint: 'See /docs for its form.' },
  TM304: { status: 400, sentence: 'This cursor cannot be used.', hint: 'Start without one, or with one that an event carried.' },
  TM305: { status: 400, sentence: 'The arguments of this function cannot be used.', hint: 'The message says which; /docs lists the functions and their arguments.' },
  TM306: { status: 409, sentence: 'This would break the API.', hint: 'The details say what would be missing; keep it, or say --force.' },
  TM307: { status: 404, sentence: 'This document is not known here.', hint: 'Register it first, or send the query itself if that is allowed.' },
  TM308: { status: 400, sentence: 'The request costs too much.', hint: 'Ask for smaller pages or fewer levels.' },
  TM309: { status: 403, sentence: 'This origin may not open a socket here.', hint: 'Add it to TMIDB_ALLOWED_ORIGINS.' },
  TM400: { status: 429, sentence: 'Too much is in flight.', hint: 'Wait as long as Retry-After says and send again.' },
  TM401: { status: 503, sentence: 'The store cannot be reached right now.', hint: 'Nothing was taken; send again.' },
  TM402: { status: 503, sentence: 'The disk is almost full.', hint: 'Nothing was taken; make room, then send again.' },
  TM403: { status: 429, sentence: 'The limit of requests is used up.', hint: 'Wait as long as Retry-After says; tmictl limits shows the limits.' },
  TM500: { status: 500, sentence: 'Something went wrong here.', hint: 'The request id finds it in the log.' },
  TM501: { status: 500, sentence: 'The instance cannot start like this.', hint: 'The message says what to change.' },
}
