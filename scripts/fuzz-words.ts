// SPDX-License-Identifier: MIT
// Words of the REST grammar for the fuzzer, right and wrong ones: a text made at random is hardly ever a filter, and would be refused by
// the parser before anything behind it is tried.

const split = (text: string): string[] => text.trim().split(/\s+/)
const words = [...split(`1 x 1e400 NaN infinity null 2026-01-01 2026-13-45 {a,b} [1,2] {"a":1} \\ ' *a%_ ( 😀`), '']
const operators = split('eq neq gt like match cs cd ov sl adj isdistinct fts wfts(english)')
const nulls = split('is.null not.is.null is.not_null')

export const grammar: Record<string, string[]> = {
  category: split('sensor log meter door'),
  range: split('0-19 5- -3 9-2 items=0-0 0-99999999999999999999'),
  prefer: split(`count=exact count=planned return=representation return=headers-only,tx=rollback handling=strict,max-affected=2
    return=representation,resolution=merge-duplicates return=representation,resolution=ignore-duplicates,missing=default`),
  filter: [
    ...operators.flatMap((op) => words.map((word) => `${op}.${word}`)),
    ...words.flatMap((word) => [`in.(${word})`, `eq(any).{${word}}`, `not.ilike(all).{${word}}`]),
    ...nulls,
  ],
  filter_number: [...split('eq.1 gt.2 lte.1e3 neq.-5 in.(1,2) isdistinct.3 eq(any).{1,2} lt.NaN gt.1e400 eq.x'), ...nulls],
  filter_text: [...split(`eq.ok neq. like.*a* ilike.*%_ match.^t match.( in.(ok,"a,b") fts.truck gt.😀 eq.'`), ...nulls],
  filter_time: [...split('gte.2020-01-01 lt.now eq.infinity gt.2026-13-45 lt.300000-01-01'), 'gt.5000 BC', ...nulls],
  filter_truth: [...split('is.true not.is.false is.unknown eq.true neq.f in.(true) eq.2'), ...nulls],
}

/** The document gives an example for each filter, by which the kind of its column is known. */
export function filterWords(example: string | undefined): string {
  switch (example) {
    case 'gte.20':
      return 'filter_number'
    case 'eq.ok':
      return 'filter_text'
    case 'is.true':
      return 'filter_truth'
    case 'gte.2026-01-01T00:00:00Z':
      return 'filter_time'
    default:
      return 'filter'
  }
}

/** What can be said of one relation's columns, and of others beside it. */
export function relationWords(
  columns: readonly string[],
  others: readonly string[],
): Record<'select' | 'order' | 'logic', string[]> {
  const each = (make: (c: string) => string[]) => columns.flatMap(make)
  return {
    select: [
      ...each((c) => [c, '*', `a:${c}`, `${c}::text`, `${c}::int`, `${c}->a->>0`, `${c},${c}`, `${c}->"x y"`]),
      ...others.flatMap((o) => [`*,${o}(*)`, `...${o}(*)`, `${o}!inner(*)`]),
    ],
    order: each((c) => [c, `${c}.desc.nullslast`, `${c}->a->1.asc`, `${c},${c}`]),
    logic: each((c) => [`(${c}.eq.1)`, `(${c}.is.null,not.or(${c}.gt.2,${c}.in.(1,"a,b")))`, `(${c}->>a.like.*x*,${c}.cs.{a})`]),
  }
}
