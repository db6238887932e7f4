// SPDX-License-Identifier: MIT
// PostgreSQL's types as they are in JSON: what REST would round or bend is text.

import type { Column } from '../rest/catalog.ts'
import { baseType } from '../rest/fields.ts'
import type { Schema } from './openapi-parts.ts'

const types: Record<string, Schema> = {
  'double precision': { type: 'number', format: 'double' },
  real: { type: 'number', format: 'float' },
  integer: { type: 'integer', format: 'int32' },
  smallint: { type: 'integer' },
  bigint: { type: 'string', format: 'int64', pattern: '^-?[0-9]+$' },
  numeric: { type: 'string', format: 'decimal' },
  boolean: { type: 'boolean' },
  text: { type: 'string' },
  uuid: { type: 'string', format: 'uuid' },
  date: { type: 'string', format: 'date' },
  'timestamp with time zone': { type: 'string', format: 'date-time' },
}

export function typeSchema(type: string): Schema {
  const base = baseType(type)
  if (base === 'jsonb' || base === 'json') return {}
  return base.endsWith('[]') ? { type: 'array', items: typeSchema(base.slice(0, -2)) } : (types[base] ?? { type: 'string' })
}

export function columnSchema(column: Column, isNeverNull: boolean): Schema {
  const more = column.description === null ? {} : { description: column.description }
  if (column.enumValues !== null) {
    return {
      type: isNeverNull ? 'string' : ['string', 'null'],
      enum: [...column.enumValues, ...(isNeverNull ? [] : [null])],
      ...more,
    }
  }
  const schema = typeSchema(column.type)
  if (schema.type === undefined) return more
  return { ...schema, type: isNeverNull ? schema.type : [schema.type, 'null'], ...more }
}

/** What is text here so that no reader rounds it, bigint and numeric, may be sent as a number too. */
export function asSent(schema: Schema): Schema {
  const number = schema.format === 'int64' ? 'integer' : schema.format === 'decimal' ? 'number' : null
  return number === null ? schema : { ...schema, type: [schema.type, number].flat() }
}
