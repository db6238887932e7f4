// SPDX-License-Identifier: MIT
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { gateReading } from '../../src/edge/gate.ts'
import { mostUnions } from '../../src/edge/key.ts'
import { ShapeBook } from '../../src/edge/shape.ts'
import { mostFields, type Shape } from '../../src/edge/union.ts'

function category() {
  const shapes = new ShapeBook().of('sensor')
  return (reading: string | object): Shape => {
    const text = typeof reading === 'string' ? reading : JSON.stringify(reading)
    return gateReading(Buffer.from(text), { shapes, now: Date.now() * 1000 }).shape
  }
}

type Fields = { [name: string]: string | Fields }
const fields = (shape: Shape) => JSON.parse(shape.descriptor) as Fields

test('each kind of value has its type', () => {
  const text =
    '{"a":true,"b":1,"c":1.5,"d":9007199254740993,"e":"x","f":{"x":{}},"g":[],"h":1e3,"i":9007199254740992,"j":-9007199254740993,"k":null}'
  assert.equal(
    category()(text).descriptor,
    '{"a":"boolean","b":"integer","c":"number","d":"exact","e":"text","g":"json","h":"number","i":"integer","j":"exact"}',
  )
})

test('fields are sorted, so the order of keys does not matter', () => {
  assert.equal(category()({ b: 1, a: 2 }).sig, category()({ a: 2, b: 1 }).sig)
})

test('the signature is the start of the SHA-256 of the descriptor', () => {
  const shape = category()({ a: 1 })
  assert.equal(shape.sig, createHash('sha256').update('{"a":"integer"}').digest().readBigInt64BE(0))
})

test('a reading that fits has the very same shape', () => {
  const of = category()
  const shape = of({ a: 1.5, b: 'x', c: true })
  for (const reading of [{ a: 1, b: 'y' }, { c: false }, {}, { b: null, a: 2 }, { c: true, b: '', a: 0 }])
    assert.equal(of(reading), shape)
})

test('a null field is absent', () => {
  assert.deepEqual(fields(category()({ a: null, b: 1 })), { b: 'integer' })
})

test('the empty reading has the empty shape', () => {
  assert.equal(category()({}).descriptor, '{}')
})

test('a new field grows the union and leaves the old shape as it was', () => {
  const of = category()
  const before = of({ a: 1 })
  const after = of({ b: 'x' })
  assert.deepEqual([fields(before), fields(after)], [{ a: 'integer' }, { a: 'integer', b: 'text' }])
  assert.equal(of({ a: 2 }), after)
  assert.notEqual(before.seq, after.seq)
})

test('a number widens an integer', () => {
  const of = category()
  of({ a: 1 })
  assert.deepEqual(fields(of({ a: 1.5 })), { a: 'number' })
})

test('integers and numbers fit an exact field', () => {
  const of = category()
  const shape = of('{"a":12345678901234567890}')
  assert.equal(of('{"a":1}'), shape)
  assert.equal(of('{"a":1.5}'), shape)
})

test('what contradicts the union gets a variant and does not disturb the others', () => {
  const of = category()
  const number = of({ a: 1.5, b: 1 })
  const text = of({ a: 'broken', b: 1 })
  assert.deepEqual(fields(text), { a: 'text', b: 'integer' })
  assert.equal(of({ a: 2.5 }), number)
  assert.equal(of({ a: 'again' }), text)
})

test('2^n readings with other fields left out need n shapes at most', () => {
  const of = category()
  const names = [...'abcdefghij']
  const sigs = new Set<bigint>()
  for (let bits = 0; bits < 1024; bits++) {
    sigs.add(of(Object.fromEntries(names.filter((_, i) => bits & (1 << i)).map((n) => [n, 1]))).sig)
  }
  assert.ok(sigs.size <= names.length + 1, `${sigs.size}`)
})

test('whatever types a hostile sender mixes, shapes come to an end', () => {
  const of = category()
  const values = ['1', '"x"', 'true', '{}', '12345678901234567890']
  const sigs = new Set<bigint>()
  for (let n = 0; n < 5 ** 5; n++) {
    const members = [...'abcde'].map((name, i) => `"${name}":${values[Math.floor(n / 5 ** i) % 5]}`)
    sigs.add(of(`{${members.join(',')}}`).sig)
  }
  assert.ok(sigs.size <= mostUnions + 6, `${sigs.size}`)
  assert.deepEqual(fields(of('{"a":{},"b":"x","c":true,"d":1,"e":12345678901234567890}')), {
    a: 'json',
    b: 'json',
    c: 'json',
    d: 'json',
    e: 'json',
  })
})

test('fields beyond one more than 256 are left out of the shape and stay in the payload', () => {
  const shapes = new ShapeBook().of('wide')
  const text = JSON.stringify(Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${i}`, i])))
  const how = { shapes, now: Date.now() * 1000 }
  const first = gateReading(Buffer.from(text), how)
  assert.equal(Object.keys(fields(first.shape)).length, mostFields)
  assert.equal(Buffer.from(first.payload).toString(), text)
  assert.equal(gateReading(Buffer.from(text), how).shape, first.shape)
})

test('members of objects are fields by their path, arrays and what is below five keys are json', () => {
  assert.deepEqual(fields(category()({ a: { b: 1, c: { d: 'x' } }, e: [{ f: 1 }], 'a.b': true })), {
    a: { b: 'integer', c: { d: 'text' } },
    'a.b': 'boolean',
    e: 'json',
  })
  assert.deepEqual(fields(category()({ a: { b: { c: { d: { e: { f: 1 } } } } } })), { a: { b: { c: { d: { e: 'json' } } } } })
})

test('an empty object brings nothing, like null, so a shape does not flap between it, null and a value', () => {
  const of = category()
  assert.equal(of({ a: {}, b: { c: {}, d: { e: null } } }).descriptor, '{}')
  const shape = of({ a: 1, b: { c: 'x' } })
  for (const reading of [{ a: {} }, { b: {} }, { b: { c: {} } }, { b: null, a: { x: { y: null } } }])
    assert.equal(of(reading), shape)
})

test('readings that leave out members of an object have the very same shape', () => {
  const of = category()
  const shape = of({ gps: { lat: 1.5, lon: 2.5, fix: { age: 1 } }, t: 1 })
  for (const reading of [{ gps: { lon: 2 } }, { t: 2, gps: { fix: { age: 3 }, lat: 1 } }, { gps: { fix: {} } }])
    assert.equal(of(reading), shape)
  assert.deepEqual(fields(of({ gps: { fix: { age: 1.5 }, alt: 3 } })), {
    gps: { alt: 'integer', fix: { age: 'number' }, lat: 'number', lon: 'number' },
    t: 'integer',
  })
})

test('an object where a value was, and the reverse, is a contradiction', () => {
  const of = category()
  const value = of({ a: 1, b: 1 })
  const object = of({ a: { x: 1 }, b: 2 })
  const array = of({ a: [1] })
  assert.deepEqual(
    [fields(value), fields(object), fields(array)],
    [{ a: 'integer', b: 'integer' }, { a: { x: 'integer' }, b: 'integer' }, { a: 'json' }],
  )
  assert.deepEqual([of({ a: 2 }), of({ a: { x: 3 } }), of({ a: [] })], [value, object, array])
})

test('a repeated key in an object is refused, the first time and when it is known', () => {
  const of = category()
  for (let n = 0; n < 3; n++) {
    assert.throws(() => of('{"gps":{"lat":1,"lon":2,"lat":3}}'), { code: 'TM210' })
    assert.throws(() => of('{"gps":{"lat":1,"l\\u0061t":3}}'), { code: 'TM210' })
    of({ gps: { lat: 1, lon: 2 } })
  }
})

test('257 members of objects are the most, too', () => {
  const of = category()
  const many = (name: string, n: number) => Object.fromEntries(Array.from({ length: n }, (_, i) => [`${name}${i}`, i]))
  const shape = of({ a: many('a', 200), b: { c: many('c', 100) } })
  const { a, b } = fields(shape) as { a: Fields; b: { c: Fields } }
  assert.equal(Object.keys(a).length + Object.keys(b.c).length, mostFields)
  assert.equal(of({ a: many('a', 200), b: { c: many('c', 100) } }), shape)
  assert.equal(of({ z: { y: 1 } }), shape)
})

test('whatever readings come one after the other, each fits its shape', () => {
  const scalar = fc.constantFrom<unknown>(0, 1.5, 'x', true, null, [], [1], {}, 2 ** 60)
  const object = (depth: number): fc.Arbitrary<unknown> =>
    fc.dictionary(fc.constantFrom('a', 'b', 'c', 'a.b', '0'), depth === 0 ? scalar : fc.oneof(scalar, object(depth - 1)), {
      maxKeys: 4,
      noNullPrototype: true,
    })
  // Which values a field of a type takes; json takes all that other ways in would call json.
  const fits = (value: unknown, type: string | Fields | undefined): boolean => {
    if (value === null || type === 'json') return true
    if (typeof value === 'object' && !Array.isArray(value)) {
      const members = Object.entries(value as object).filter(([, v]) => !isNothing(v))
      return (
        members.length === 0 ||
        (typeof type === 'object' && members.every(([k, v]) => fits(v, Object.hasOwn(type, k) ? type[k] : undefined)))
      )
    }
    if (typeof value === 'number') return type === 'number' || type === 'exact' || (type === 'integer' && Number.isInteger(value))
    return type === (Array.isArray(value) ? 'json' : typeof value === 'string' ? 'text' : typeof value)
  }
  const isNothing = (value: unknown): boolean =>
    value === null || (typeof value === 'object' && !Array.isArray(value) && Object.values(value as object).every(isNothing))
  fc.assert(
    fc.property(fc.array(object(3), { maxLength: 60 }), (readings) => {
      const of = category()
      for (const reading of readings) {
        const shape = of(reading as object)
        assert.ok(fits(reading, fields(shape)), `${JSON.stringify(reading)} ${shape.descriptor}`)
      }
    }),
    { numRuns: 150 },
  )
})

test('with data, its fields count and an envelope name inside is a field', () => {
  assert.deepEqual(fields(category()({ target: 'x', ts: 1, data: { ts: 'noon', target: 5, a: 1 } })), {
    a: 'integer',
    target: 'integer',
    ts: 'text',
  })
})

test('escaped keys are decoded, __proto__ is a field', () => {
  assert.equal(
    category()('{"\\u0061\\n":1,"__proto__":2,"é":3}').descriptor,
    '{"__proto__":"integer","a\\n":"integer","é":"integer"}',
  )
})

test('categories do not share a union', () => {
  const book = new ShapeBook()
  const now = Date.now() * 1000
  gateReading(Buffer.from('{"a":1}'), { shapes: book.of('one'), now })
  assert.equal(gateReading(Buffer.from('{"b":1}'), { shapes: book.of('two'), now }).shape.descriptor, '{"b":"integer"}')
})

test('made-up names do not fill the memory', () => {
  const book = new ShapeBook()
  let most = 0
  for (let c = 0; c < 150; c++) {
    const text = JSON.stringify(Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`${c}-${i}`, 1])))
    gateReading(Buffer.from(text), { shapes: book.of(`c${c}`), now: 0 })
    most = Math.max(most, book.keyCount)
  }
  assert.ok(most > 100_000 && most < 101_000, `${most}`)
  assert.ok(book.keyCount < 50_000, `${book.keyCount}`)
})

/** A strict category with these majors, newest first: fields and types. */
function strict(...majors: Record<string, string>[]) {
  const book = new ShapeBook()
  const set = (all: Record<string, string>[]) =>
    book.setStrict(
      new Map([
        [
          'sensor',
          all.map((m) =>
            Object.entries(m).map(([name, type]) => ({ name, path: name.split('.'), type, pinned: name.endsWith('!') })),
          ),
        ],
      ]),
    )
  set(majors)
  const of = (reading: object): Fields =>
    fields(gateReading(Buffer.from(JSON.stringify(reading)), { shapes: book.of('sensor'), now: Date.now() * 1000 }).shape)
  return { of, set }
}
const breaks = { code: 'TM223' }

test('in a strict category a reading has the shape of the newest major that takes it', () => {
  const { of } = strict({ a: 'text', b: 'integer' }, { a: 'integer', b: 'integer' })
  assert.deepEqual(of({ b: 1 }), { a: 'text', b: 'integer' })
  assert.deepEqual(of({ a: 1 }), { a: 'integer', b: 'integer' })
  assert.deepEqual(of({ a: 'x', b: 1.5, c: true }), { a: 'text', b: 'number', c: 'boolean' })
  assert.throws(() => of({ a: true }), breaks)
  assert.throws(() => of({ a: 1, b: 'x' }), breaks)
})

test('what is refused in a strict category leaves nothing behind', () => {
  const { of } = strict({ a: 'integer' })
  assert.throws(() => of({ a: 'x', fresh: 1 }), breaks)
  assert.deepEqual(of({ fresh: 'y' }), { a: 'integer', fresh: 'text' })
})

test('a pinned field and one of json take everything in a strict category', () => {
  const { of } = strict({ 'a!': 'number', j: 'json', e: 'exact' })
  for (const reading of [{ 'a!': 'x' }, { 'a!': [] }, { j: 1 }, { j: 'x', e: 2.5 }])
    assert.deepEqual(of(reading), { 'a!': 'number', j: 'json', e: 'exact' })
  assert.throws(() => of({ e: 'x' }), breaks)
})

test('in a strict category an object stays an object, and members may be new', () => {
  const { of } = strict({ 'gps.lat': 'number', 'gps.fix!': 'integer', n: 'integer' })
  assert.deepEqual(of({ gps: { lat: 1, alt: 5, fix: { age: 'x' } } }), {
    gps: { alt: 'integer', 'fix!': 'integer', fix: { age: 'text' }, lat: 'number' },
    n: 'integer',
  })
  assert.deepEqual(Object.keys(of({ gps: { 'fix!': { deep: 1 } } })).sort(), ['gps', 'n'])
  for (const [reading, words] of [
    [{ gps: 1 }, 'gps: integer where object is known'],
    [{ n: { x: 1 } }, 'n: object where integer is known'],
    [{ gps: { lat: 'x' }, n: 1 }, 'gps.lat: text where number is known'],
  ] as const) {
    assert.throws(
      () => of(reading),
      (e: Error & { code: string }) => e.code === 'TM223' && e.message.includes(`(${words})`),
      words,
    )
  }
})

test('what is told anew of a strict category counts from the next reading on', () => {
  const { of, set } = strict({ a: 'integer' })
  assert.throws(() => of({ a: 'x' }), breaks)
  set([{ a: 'text' }, { a: 'integer' }])
  assert.deepEqual(of({ a: 'x' }), { a: 'text' })
  set([])
  assert.deepEqual(of({ a: true }), { a: 'boolean' })
})
