// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { scramMatches, scramVerifier } from '../../src/db/scram.ts'
import { lineAt, splitStatements } from '../../src/db/statements.ts'

test('semicolons in strings, comments, dollar quotes and atomic bodies end no statement', () => {
  const sql = `-- a; b
select 'x;''y', "q;r", E'\\';' /* c; */;
do $a$ begin perform 1; end $a$;
create function f() returns int begin atomic select 1; select 2; end;
select 3`
  const found = splitStatements(sql)
  assert.deepEqual(
    found.map((s) => lineAt(sql, s.offset)),
    [2, 3, 4, 5],
  )
  assert.equal(found.at(-1)?.text, 'select 3')
})

test('a case inside an atomic body and a comment inside a comment end no statement', () => {
  const sql = `create function f(n int) returns int begin atomic select case when n > 0 then 1 end; select case n when 1 then 2 end; end;
/* a /* ; */ ; */ select 1;
select 2`
  const found = splitStatements(sql)
  assert.deepEqual(
    found.map((s) => lineAt(sql, s.offset)),
    [1, 2, 3],
  )
})

test('a SCRAM verifier matches its password only', () => {
  const verifier = scramVerifier('secret')
  assert.match(verifier, /^SCRAM-SHA-256\$4096:[^$]+\$[^:]+:.+$/)
  assert.equal(scramMatches('secret', verifier), true)
  assert.equal(scramMatches('Secret', verifier), false)
  assert.equal(scramMatches('secret', ''), false)
})
