// SPDX-License-Identifier: MIT
// How SQL is split: one function or view a file, named after it; tables only in steps.
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { dbDir } from '../../src/db/migrate.ts'

const files = (pattern: string) =>
  globSync(pattern, { cwd: dbDir })
    .sort()
    .map((path) => ({ path, text: readFileSync(join(dbDir, path), 'utf8') }))

const functions = files('functions/*/*.sql')

test('a file in db/functions makes the function or view it is named after, and no other', () => {
  const wrong = functions.filter(({ path, text }) => {
    const own = `${basename(dirname(path))}.${basename(path, '.sql')}`
    const made = [...text.matchAll(/^create or replace (?:function|view|procedure) ([a-z_0-9]+\.[a-z_0-9]+)/gm)].map((m) => m[1])
    return made.length === 0 || made.some((name) => name !== own)
  })
  assert.deepEqual(
    wrong.map((f) => f.path),
    [],
  )
})

test('a function says its language and volatility, and has a comment', () => {
  const wrong = functions.filter(({ text }) => {
    const made = text.match(/^create or replace function/gm)?.length ?? 0
    const said = text.match(/^language \w+ (immutable|stable|volatile)\b/gm)?.length ?? 0
    const explained = text.match(/^comment on function/gm)?.length ?? 0
    return said !== made || explained !== made
  })
  assert.deepEqual(
    wrong.map((f) => f.path),
    [],
  )
})

test('steps in db/schema have an up and a down, and no function, view or policy', () => {
  const wrong = files('schema/*.sql').filter(({ path, text }) => {
    const parts = /^-- Up Migration$[\s\S]+^-- Down Migration$/m.test(text)
    return !/^schema\/\d{4}_\w+\.sql$/.test(path) || !parts || /^create (or replace )?(function|view|policy|trigger)/m.test(text)
  })
  assert.deepEqual(
    wrong.map((f) => f.path),
    [],
  )
})

test('only functions compose DDL outside the steps: policies make no tables', () => {
  assert.deepEqual(
    files('policies/*.sql')
      .filter(({ text }) => /^create table/m.test(text))
      .map((f) => f.path),
    [],
  )
})
