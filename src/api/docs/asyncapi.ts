// SPDX-License-Identifier: MIT
// AsyncAPI 3 of the sockets and of MQTT: what may be sent in and what comes out, for one caller.
import type { Schema } from './openapi-parts.ts'
import { openapiParts } from './openapi-parts.ts'
import { columnSchema } from './openapi-types.ts'
import type { Seen, SeenRelation } from './seen.ts'

export interface AsyncapiOptions {
  seen: Seen
  /** As the caller reached us, "localhost:8080". */
  host: string
  isSecure: boolean
  mqttPort: number | null
  /** Whose addresses are described. */
  listener: string | null
  /** Whether the ways in are described. */
  waysIn: boolean
}

const messageRef = (name: string): Schema => ({ $ref: `#/components/messages/${name}` })
const schemaRef = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` })

interface Channel {
  address: string
  description: string
  server: 'http' | 'mqtt'
  /** What tmiDB sends there, and what it takes. */
  sends?: string[]
  receives?: string[]
  parameters?: Record<string, Schema>
}

export function asyncapi({ seen, host, isSecure, mqttPort, listener, waysIn }: AsyncapiOptions): Schema {
  const events: string[] = []
  const messages: Record<string, Schema> = {}
  const schemas: Record<string, unknown> = { Reading: openapiParts.schemas.Reading, Problem: openapiParts.schemas.Problem }
  for (const [category, versions] of seen.categories) {
    const newest = versions[0]
    if (!newest?.verbs.has('select')) continue
    const name = `event_${category}`
    events.push(name)
    schemas[`${category}_data`] = dataSchema(newest)
    schemas[name] = eventSchema(category)
    messages[name] = { title: `A reading of ${category}`, contentType: 'application/json', payload: schemaRef(name) }
  }
  const mayRead = events.length > 0 || seen.role !== 'tmidb_speaker'
  if (mayRead) Object.assign(messages, liveMessages)
  if (waysIn) Object.assign(messages, ingestMessages)
  const told = ['ready', 'gap', 'revoked', 'error']
  const channels: Record<string, Channel> = {
    ...(mayRead
      ? {
          live: {
            address: '/tmi/ws',
            description: 'Live readings: the client says what it wants, and gets what it may see of it.',
            server: 'http',
            sends: [...told, ...events],
            receives: ['subscribe', 'unsubscribe'],
          },
          graphql: {
            address: '/graphql',
            description: 'GraphQL subscriptions by the protocol graphql-transport-ws; /api/schema.graphql has the fields.',
            server: 'http',
          },
        }
      : {}),
    ...(listener === null
      ? {}
      : {
          listener: {
            address: `/ws/${encodeURIComponent(listener)}`,
            description: `All that ${listener} may see, at once; ?category=, ?target= and ?since= narrow it.`,
            server: 'http',
            sends: [...told, ...events],
          },
        }),
    ...(waysIn
      ? {
          readings: {
            address: '/ws/in/{category}/{target}',
            description:
              'Readings in; each message is answered when it is safe on disk. The target may be left out of the address.',
            server: 'http',
            sends: ['verdict'],
            receives: ['reading'],
            parameters: { category: { description: 'Category of the readings.' }, target: { description: 'Key of the target.' } },
          },
        }
      : {}),
    ...(mqttPort !== null && waysIn
      ? {
          mqtt_in: {
            address: 'tmi/in/{category}/{target}',
            description: 'Readings in, QoS 0 to 2; PUBACK means: safe on disk. The token is the password.',
            server: 'mqtt',
            receives: ['reading'],
            parameters: { category: { description: 'Category of the readings.' }, target: { description: 'Key of the target.' } },
          },
          mqtt_verdict: {
            address: 'tmi/verdict',
            description: 'What was refused of the messages of this connection.',
            server: 'mqtt',
            sends: ['verdict'],
          },
        }
      : {}),
    ...(mqttPort !== null && listener !== null
      ? {
          mqtt_out: {
            address: `tmi/out/${listener}/{category}/{target}`,
            description: 'The last value of each target as a retained message, then each reading as it is stored.',
            server: 'mqtt',
            sends: events,
            parameters: { category: { description: 'Category of the readings.' }, target: { description: 'Key of the target.' } },
          },
        }
      : {}),
  }
  const used = new Set(Object.values(channels).map((c) => c.server))
  return {
    asyncapi: '3.0.0',
    info: {
      title: 'tmiDB API',
      version: '0.1.0',
      description: 'Sockets and MQTT. What is described here is what the token may see.',
      license: { name: 'MIT' },
    },
    defaultContentType: 'application/json',
    servers: {
      ...(used.has('http')
        ? { http: { host, protocol: isSecure ? 'wss' : 'ws', security: [{ $ref: '#/components/securitySchemes/bearer' }] } }
        : {}),
      ...(used.has('mqtt')
        ? {
            mqtt: {
              host: `${host.replace(/:\d+$/, '')}:${mqttPort}`,
              protocol: 'mqtt',
              protocolVersion: '3.1.1',
              security: [{ $ref: '#/components/securitySchemes/password' }],
            },
          }
        : {}),
    },
    channels: Object.fromEntries(Object.entries(channels).map(([name, c]) => [name, channel(c)])),
    operations: Object.fromEntries(Object.entries(channels).flatMap(([name, c]) => operations(name, c))),
    components: {
      messages,
      schemas,
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: 'A token; browsers send it as ?token= or in the first message.' },
        password: { type: 'userPassword', description: 'Any name; the token is the password.' },
      },
    },
  }
}

function channel({ address, description, server, sends = [], receives = [], parameters }: Channel): Schema {
  return {
    address,
    description,
    servers: [{ $ref: `#/servers/${server}` }],
    messages: Object.fromEntries([...sends, ...receives].map((m) => [m, messageRef(m)])),
    ...(parameters ? { parameters } : {}),
  }
}

function operations(name: string, { sends = [], receives = [], description }: Channel): [string, Schema][] {
  const made = (action: string, messages: string[]): [string, Schema][] =>
    messages.length === 0
      ? []
      : [
          [
            `${action}_${name}`,
            {
              action,
              channel: { $ref: `#/channels/${name}` },
              summary: description,
              messages: messages.map((m) => ({ $ref: `#/channels/${name}/messages/${m}` })),
            },
          ],
        ]
  return [...made('send', sends), ...made('receive', receives)]
}

/** The payload's own fields, by their path: {"gps": {"lat": …}} is the column gps_lat. */
function dataSchema({ columns, relation }: SeenRelation): Schema {
  const root: Schema = { type: 'object', properties: {}, additionalProperties: true }
  for (const c of columns) {
    if (relation.key.includes(c.name) || c.name === 'target') continue
    const told = /^Field ("(?:[^"\\]|\\.)*")/.exec(c.description ?? '')?.[1]
    const path = (told === undefined ? c.name : (JSON.parse(told) as string)).split(/(?<!\\)\./)
    let at = root
    path.forEach((step, i) => {
      const properties = at.properties as Record<string, Schema>
      const key = step.replace(/\\(.)/g, '$1')
      properties[key] ??= i === path.length - 1 ? columnSchema(c, false) : { type: 'object', properties: {} }
      at = properties[key]
      at.properties ??= {}
    })
    if (Object.keys(at.properties as object).length === 0) delete at.properties
  }
  return root
}

function eventSchema(category: string): Schema {
  return {
    type: 'object',
    required: ['type', 'cursor', 'category', 'version', 'target', 'ts', 'data'],
    properties: {
      type: { const: 'event' },
      cursor: { type: 'string', description: 'Where this event stands; since=<cursor> goes on behind it.' },
      category: { const: category },
      version: { type: 'string', description: 'major.minor of the schema.' },
      target: { type: 'string' },
      ts: { type: 'string', format: 'date-time' },
      data: schemaRef(`${category}_data`),
    },
  }
}

const said = (title: string, type: string, properties: Schema, required: string[] = []): Schema => ({
  title,
  contentType: 'application/json',
  payload: { type: 'object', required: ['type', ...required], properties: { type: { const: type }, ...properties } },
})

const text: Schema = { type: 'string' }

const liveMessages: Record<string, Schema> = {
  subscribe: said('What the client wants', 'subscribe', {
    id: { ...text, description: 'Comes back on what belongs to this subscription.' },
    category: text,
    targets: { type: 'array', items: text },
    since: { ...text, description: 'A cursor: goes on behind that event.' },
  }),
  unsubscribe: said('No more of it', 'unsubscribe', { id: text }),
  ready: said('From here on nothing is missed', 'ready', { id: text, cursor: text }),
  gap: said('Events were left out', 'gap', { id: text, cursor: text }),
  revoked: said('A right ended', 'revoked', { id: text, reason: text }),
  error: said('It was refused', 'error', { id: text, code: text, message: text, hint: text }),
}

const ingestMessages: Record<string, Schema> = {
  reading: {
    title: 'One reading, or an array of them',
    contentType: 'application/json',
    payload: { oneOf: [schemaRef('Reading'), { type: 'array', items: schemaRef('Reading') }] },
  },
  verdict: {
    title: 'What became of it',
    contentType: 'application/json',
    payload: { type: 'object', description: 'accepted and rejected as POST /api/in answers, or a problem with its code.' },
  },
}
