// SPDX-License-Identifier: MIT
// What OpenAPI says of the functions of the schema api: a GET with arguments in the address and a POST with them in the body.

import { signature } from '../rest/rpc.ts'
import type { ApiFunction, Argument } from '../rest/rpc-catalog.ts'
import { openapiParts, refusals, type Schema } from './openapi-parts.ts'
import { asSent, columnSchema, typeSchema } from './openapi-types.ts'

/** Parameters of a read that make sense on what a function gives. */
const paging = ['select', 'order', 'limit', 'offset', 'and', 'or', 'Prefer', 'Range']

export function callPath(fn: ApiFunction): Schema {
  const given = {
    description: fn.isSet ? 'What it gives, in its own order unless another is asked for.' : 'What it gives.',
    ...(fn.isSet ? { headers: openapiParts.pageHeaders } : {}),
    content: openapiParts.rowsContent(
      { schema: fn.isSet ? { type: 'array', items: itemSchema(fn) } : itemSchema(fn) },
      { schema: itemSchema(fn) },
    ),
  }
  const common = {
    tags: ['functions'],
    summary: fn.description.split(/(?<=[.;:])\s/)[0] || fn.name,
    description: fn.description,
    ...(fn.deprecated === null ? {} : { deprecated: true }),
    responses: {
      ...(fn.isVoid
        ? { 204: { description: 'It gives nothing.' } }
        : {
            200: given,
            ...(fn.isSet && fn.hasColumns ? { 206: { ...given, description: 'Rows of more that were counted.' } } : {}),
          }),
      ...refusals(...Object.keys(openapiParts.responses)),
    },
  }
  const shared =
    fn.isSet && fn.hasColumns
      ? paging.filter((p) => !fn.args.has(p)).map((name) => ({ $ref: `#/components/parameters/${name}` }))
      : []
  const args = [...fn.args.values()]
  const read = {
    get: {
      ...common,
      operationId: `call_${fn.name}`,
      parameters: [
        ...args.map((a) => ({
          name: a.name,
          in: 'query',
          required: a.isRequired,
          ...(a.description === null ? {} : { description: a.description }),
          // sites= is an empty list.
          ...(a.isArray ? { style: 'form', explode: true, allowEmptyValue: true } : {}),
          schema: argumentSchema(a),
        })),
        ...shared,
      ],
    },
  }
  return {
    ...(fn.isVolatile || fn.takesBody ? {} : read),
    post: {
      ...common,
      operationId: `call_${fn.name}_by_post`,
      parameters: shared,
      requestBody: {
        required: args.some((a) => a.isRequired),
        description: signature(fn),
        content: {
          'application/json': {
            schema: fn.takesBody
              ? {}
              : {
                  type: 'object',
                  required: args.filter((a) => a.isRequired).map((a) => a.name),
                  properties: Object.fromEntries(
                    args.map((a) => [
                      a.name,
                      { ...asSent(orNull(argumentSchema(a))), ...(a.description === null ? {} : { description: a.description }) },
                    ]),
                  ),
                  additionalProperties: false,
                },
          },
        },
      },
    },
  }
}

function argumentSchema(arg: Argument): Schema {
  // Not of the format "duration": PostgreSQL reads "90 minutes" as well.
  return arg.type === 'interval' ? { type: 'string', example: 'PT1H' } : typeSchema(arg.type)
}

/** In an address there is no null. */
function orNull(schema: Schema): Schema {
  return schema.type === undefined ? schema : { ...schema, type: [schema.type, 'null'] }
}

function itemSchema(fn: ApiFunction): Schema {
  const columns = [...fn.relation.columns.values()]
  const [value] = columns
  // A value may be null, whatever its type; so may what a function that finds nothing gives.
  if (!fn.hasColumns) return value ? columnSchema(value, false) : {}
  return { type: 'object', properties: Object.fromEntries(columns.map((c) => [c.name, columnSchema(c, false)])) }
}
