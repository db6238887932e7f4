// SPDX-License-Identifier: MIT
// The parts of the OpenAPI document that do not depend on what is stored.
import { defaultPage, largestPage } from '../rest/page.ts'

export type Schema = Record<string, unknown>

const error = (description: string): Schema => ({
  description,
  content: { 'application/json': { schema: { $ref: '#/components/schemas/Error' } } },
})

const problem = (description: string): Schema => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

export const openapiParts = {
  /** The forms that the header Accept chooses from. */
  rowsContent: (rows: Schema, row: Schema): Schema => ({
    'application/json': rows,
    'application/vnd.pgrst.array+json': rows,
    'application/vnd.pgrst.object+json': row,
    'text/csv': { schema: { type: 'string' } },
  }),
  parameters: {
    select: {
      name: 'select',
      in: 'query',
      schema: { type: 'string' },
      example: '*',
      description: 'Columns, with alias:column, column::cast and json->path->>text.',
    },
    order: {
      name: 'order',
      in: 'query',
      schema: { type: 'string' },
      description: 'column.asc or column.desc, .nullsfirst or .nullslast, separated by commas.',
    },
    limit: {
      name: 'limit',
      in: 'query',
      schema: { type: 'integer', minimum: 0, default: defaultPage },
      description: `Rows to send, at most ${largestPage}.`,
    },
    offset: {
      name: 'offset',
      in: 'query',
      schema: { type: 'integer', minimum: 0, default: 0 },
      description: 'Rows to leave out first.',
    },
    after: {
      name: 'after',
      in: 'query',
      schema: { type: 'string' },
      description: 'Goes on behind the page whose answer carried this cursor; it holds for the same order.',
    },
    columns: { name: 'columns', in: 'query', schema: { type: 'string' }, description: 'Only these columns of what is sent.' },
    on_conflict: {
      name: 'on_conflict',
      in: 'query',
      schema: { type: 'string' },
      description: 'Columns of a unique constraint by which rows that are there are found; the primary key unless told.',
    },
    and: {
      name: 'and',
      in: 'query',
      schema: { type: 'string' },
      description: 'Filters that all hold: (a.gt.1,or(b.eq.2,c.is.null)).',
    },
    or: { name: 'or', in: 'query', schema: { type: 'string' }, description: 'Filters of which one holds.' },
    Prefer: {
      name: 'Prefer',
      in: 'header',
      schema: { type: 'string' },
      example: 'count=exact',
      description: 'count=exact counts all rows into Content-Range; count=planned and count=estimated stop at 10,000.',
    },
    PreferWrite: {
      name: 'Prefer',
      in: 'header',
      schema: { type: 'string' },
      example: 'return=representation',
      description:
        'return=minimal|headers-only|representation, resolution=merge-duplicates|ignore-duplicates, missing=default, max-affected=n with handling=strict, count=exact.',
    },
    Range: {
      name: 'Range',
      in: 'header',
      schema: { type: 'string' },
      example: '0-19',
      description: 'Rows from-to, as limit and offset.',
    },
  },
  pageHeaders: {
    'Content-Range': {
      schema: { type: 'string' },
      description: 'Which rows these are, and of how many if that was asked: 0-49/1234.',
    },
    Deprecation: { schema: { type: 'string' }, description: 'Since when a newer version is there; Link names it.' },
  },
  responses: {
    300: error('More than one relationship could be meant; the details list them.'),
    400: error('The query cannot be read, or a value does not fit its column.'),
    401: error('A token is needed, or this one is not valid.'),
    403: error('The token may not read this.'),
    404: error('There is no such relation or operator.'),
    405: error('It does not take this method, or a function that is read would write.'),
    406: error('Not one row where one was asked for, or no such media type.'),
    409: error('It contradicts what is there: a key twice, a row that is pointed at.'),
    413: error('The body is too large, or the query too complex.'),
    415: error('The content type is not understood.'),
    416: error('The range is beyond the rows.'),
    422: error('The reading is refused for what it is: it would break a strict category, or its time is out of range.'),
    503: error('The store cannot be reached right now.'),
    504: error('The query took too long.'),
  },
  schemas: {
    Error: {
      type: 'object',
      description: "An error in PostgREST's form.",
      required: ['code', 'message', 'details', 'hint'],
      properties: {
        code: { type: 'string' },
        message: { type: 'string' },
        details: { description: 'A list where relationships are to be chosen from.', type: ['string', 'array', 'null'] },
        hint: { type: ['string', 'null'] },
      },
    },
    Problem: {
      type: 'object',
      description: 'An error by RFC 9457.',
      required: ['type', 'title', 'status', 'code'],
      properties: {
        type: { type: 'string' },
        title: { type: 'string' },
        status: { type: 'integer' },
        detail: { type: 'string' },
        code: { type: 'string', pattern: '^TM[0-9]{3}$' },
        hint: { type: 'string' },
        requestId: { type: 'string' },
      },
    },
    Reading: {
      type: 'object',
      description: 'One reading. Without "data", every other key is the data.',
      properties: {
        target: {
          type: ['string', 'number', 'null'],
          description: 'Key of the target; may be left out where the path or the token says it.',
        },
        ts: {
          description: 'RFC 3339, or epoch seconds, milliseconds or microseconds; now if left out.',
          type: ['string', 'number', 'null'],
        },
        mid: { type: ['string', 'integer', 'null'], description: 'Message id: the same one again changes nothing.' },
        data: { type: 'object', additionalProperties: true },
      },
      additionalProperties: true,
    },
    Accepted: {
      type: 'object',
      required: ['accepted', 'rejected'],
      properties: {
        accepted: { type: 'integer' },
        stored: {
          type: 'boolean',
          description: 'With wait=stored: whether that has happened yet; it is safe on disk all the same.',
        },
        rejected: {
          type: 'array',
          items: {
            type: 'object',
            required: ['index', 'code', 'message'],
            properties: { index: { type: 'integer' }, code: { type: 'string' }, message: { type: 'string' } },
          },
        },
      },
    },
    ListenerIndex: {
      type: 'object',
      required: ['listener', 'categories', 'latest'],
      properties: {
        listener: { type: 'string' },
        categories: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              category: { type: 'string' },
              href: { type: 'string' },
              versions: {
                type: 'array',
                items: {
                  type: 'object',
                  properties: { version: { type: 'integer' }, href: { type: 'string' }, deprecated: { type: 'boolean' } },
                },
              },
            },
          },
        },
        latest: {
          type: 'array',
          items: {
            type: 'object',
            properties: {
              category: { type: 'string' },
              version: { type: 'integer' },
              target: { type: 'string' },
              ts: { type: 'string', format: 'date-time' },
              data: { type: 'object' },
            },
          },
        },
      },
    },
  },
}

export const refusals = (...statuses: string[]): Schema =>
  Object.fromEntries(statuses.map((status) => [status, { $ref: `#/components/responses/${status}` }]))

function ingest(withTarget: boolean): Schema {
  const reading = { $ref: '#/components/schemas/Reading' }
  return {
    post: {
      tags: ['ingest'],
      operationId: withTarget ? 'ingest_target' : 'ingest',
      summary: withTarget ? 'Send readings of one target' : 'Send readings',
      description:
        'For speakers. Answered when the readings are safe on disk; with wait=stored, when they can be read. By WebSocket: /ws/in/{category}/{target}.',
      security: [{ bearer: [] }],
      parameters: [
        { name: 'category', in: 'path', required: true, schema: { type: 'string', pattern: '^[a-z][a-z0-9_]{0,47}$' } },
        ...(withTarget
          ? [{ name: 'target', in: 'path', required: true, schema: { type: 'string', minLength: 1, maxLength: 256 } }]
          : []),
        { name: 'wait', in: 'query', schema: { type: 'string', enum: ['stored'] } },
        { name: 'Idempotency-Key', in: 'header', schema: { type: 'string', minLength: 1, maxLength: 120 } },
      ],
      requestBody: {
        required: true,
        content: {
          'application/json': {
            schema: { oneOf: [reading, { type: 'array', items: reading }] },
            example: withTarget
              ? { temperature: 21.5, status: 'ok' }
              : { target: 'truck-17', data: { temperature: 21.5, status: 'ok' } },
          },
          'application/x-ndjson': { schema: { type: 'string' } },
        },
      },
      responses: {
        200: {
          description: 'Taken and stored, with wait=stored.',
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Accepted' } } },
        },
        202: { description: 'Taken.', content: { 'application/json': { schema: { $ref: '#/components/schemas/Accepted' } } } },
        400: problem('Not one reading could be taken.'),
        401: problem('A token is needed, or this one is not valid.'),
        403: problem('The token may not write this.'),
        413: problem('The body is too large.'),
        415: problem('The content type is not understood.'),
        422: problem('Not one reading could be taken: it would break a strict category.'),
        429: problem('Too much is in flight; see Retry-After.'),
        503: problem('The store cannot be reached right now.'),
      },
    },
  }
}

export const ingestPaths: Record<string, Schema> = {
  '/api/in/{category}': ingest(false),
  '/api/in/{category}/{target}': ingest(true),
}

export function listenerPath(listener: string): Record<string, Schema> {
  return {
    [`/api/${encodeURIComponent(listener)}`]: {
      get: {
        tags: ['listener'],
        operationId: 'read_listener',
        summary: `What is there for ${listener}, and the newest reading of each target`,
        responses: {
          200: {
            description: 'Categories, versions and newest readings.',
            content: { 'application/json': { schema: { $ref: '#/components/schemas/ListenerIndex' } } },
          },
          ...refusals('401', '403', '404', '503', '504'),
        },
      },
    },
  }
}
