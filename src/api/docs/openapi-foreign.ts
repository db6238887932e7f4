// SPDX-License-Identifier: MIT
// The ways in that speak other systems' languages, as OpenAPI describes them.
import type { Schema } from './openapi-parts.ts'

const ours = { line: { type: 'integer' }, tmidb: { type: 'string' }, requestId: { type: 'string' } }
/** As each InfluxDB words it. */
const influxErrors: Record<'v1' | 'v2', Schema> = {
  v1: { type: 'object', required: ['error'], properties: { error: { type: 'string' }, ...ours } },
  v2: {
    type: 'object',
    required: ['code', 'message'],
    properties: { code: { type: 'string' }, message: { type: 'string' }, ...ours },
  },
}
const problem = (description: string): Schema => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

function lineProtocol(api: 'v1' | 'v2', parameters: Schema[], summary: string): Schema {
  const influx = (description: string): Schema => ({
    description,
    content: { 'application/json': { schema: influxErrors[api] } },
  })
  return {
    post: {
      tags: ['ingest'],
      operationId: `influx_write_${api}`,
      summary,
      description: [
        'Answered when the points are safe on disk. The measurement becomes the category, one tag the target (target, device, device_id,',
        'entity_id, host or id, in this order, else the bucket), other tags and the fields become fields. gzip, deflate and zstd are understood.',
      ].join(' '),
      security: [{ bearer: [] }],
      parameters,
      requestBody: {
        description: 'A body without points is nothing to do, and no error.',
        content: {
          'text/plain': {
            schema: { type: 'string' },
            example: 'cpu,host=web-1,cpu=cpu0 usage=12.5,procs=120i 1700000000000000000',
          },
        },
      },
      responses: {
        204: { description: 'Every point was taken.' },
        400: influx('The message names the lines that were refused; the others were taken.'),
        401: influx('A token is needed, or this one is not valid.'),
        403: influx('The token may not write this.'),
        413: influx('The body is too large: 10 MB, 100,000 points.'),
        422: influx('Not one point could be taken: they would break a strict category.'),
        429: influx('Too much is in flight; see Retry-After.'),
        503: influx('The store cannot be reached right now; see Retry-After.'),
      },
    },
  }
}

const text = (name: string, description: string): Schema => ({ name, in: 'query', description, schema: { type: 'string' } })
const precision = (values: string[]): Schema => ({
  name: 'precision',
  in: 'query',
  description: 'Of the times; what nanoseconds have beyond a microsecond is cut off.',
  schema: { type: 'string', enum: values, default: values[0] },
})

const deviceToken: Schema = {
  name: 'token',
  in: 'path',
  required: true,
  description: 'The token of a speaker.',
  schema: { type: 'string' },
}

const sharedAttributes: Schema = {
  tags: ['ingest'],
  operationId: 'thingsboard_shared_attributes',
  summary: 'What a server wishes of a device of ThingsBoard: nothing',
  security: [],
  parameters: [deviceToken],
  responses: {
    200: {
      description: 'None are kept here.',
      content: { 'application/json': { schema: { type: 'object', maxProperties: 0 } } },
    },
    400: problem('The address cannot be read.'),
    401: problem('This token is not valid.'),
    503: problem('The store cannot be reached right now.'),
  },
}

function device(what: 'telemetry' | 'attributes'): Schema {
  const values = { type: 'object', additionalProperties: true }
  return {
    ...(what === 'attributes' ? { get: sharedAttributes } : {}),
    post: {
      tags: ['ingest'],
      operationId: `thingsboard_${what}`,
      summary: `Send ${what} as a device of ThingsBoard does`,
      description: `Stored as category ${what}, of the target that the token is bound to, else of the speaker's name.`,
      security: [],
      parameters: [deviceToken],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { oneOf: [values, { type: 'array', items: values }] },
            example: what === 'telemetry' ? { ts: 1_780_000_000_000, values: { temperature: 21.5 } } : { firmware: '1.2' },
          },
        },
      },
      responses: {
        200: { description: 'Everything is safe on disk.' },
        400: problem('What could not be taken; of an array the others were.'),
        401: problem('This token is not valid.'),
        413: problem('The body is too large.'),
        422: problem('It would break a strict category.'),
        429: problem('Too much is in flight; see Retry-After.'),
        503: problem('The store cannot be reached right now.'),
      },
    },
  }
}

export const foreignPaths: Record<string, Schema> = {
  '/api/v2/write': lineProtocol(
    'v2',
    [
      text('bucket', 'The target of points without a tag that names one.'),
      text('org', 'Not looked at.'),
      precision(['ns', 'us', 'ms', 's']),
    ],
    'Send line protocol, as InfluxDB 2 takes it',
  ),
  '/write': lineProtocol(
    'v1',
    [text('db', 'The target of points without a tag that names one.'), precision(['n', 'u', 'ms', 's', 'm', 'h'])],
    'Send line protocol, as InfluxDB 1 takes it',
  ),
  '/api/v1/{token}/telemetry': device('telemetry'),
  '/api/v1/{token}/attributes': device('attributes'),
}
