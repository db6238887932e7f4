// SPDX-License-Identifier: MIT
// /api/auth as OpenAPI describes it: signing in, sessions, one's password, users.
import type { Schema } from './openapi-parts.ts'

const problem = (description: string): Schema => ({
  description,
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
})

const refusals: Record<number, Schema> = {
  400: problem('The request cannot be read, or the password cannot be used.'),
  401: problem('The login or the password is wrong, a token is needed, or the session is over.'),
  403: problem('Not for this caller; or a page of another address sent a session’s cookie.'),
  404: problem('There is nothing of this name.'),
  409: problem('This name is taken.'),
  413: problem('The body is longer than 16 kB.'),
  415: problem('Only application/json is taken here.'),
  429: problem('Too many passwords were tried, or the limit of requests is used up; see Retry-After.'),
  503: problem('The store cannot be reached right now.'),
}

const text = (description: string): Schema => ({ type: 'string', description })
const login = text('Login or email; small and capital letters are the same.')
const password = { ...text('8 characters to 256 bytes, none of those that everybody tries first.'), format: 'password' }
const time = (description: string): Schema => ({ type: 'string', format: 'date-time', description })
const role = text('admin, editor, viewer, or a role of your own.')

interface Operation {
  id: string
  summary: string
  description?: string
  needed?: Record<string, Schema>
  possible?: Record<string, Schema>
  parameters?: Schema[]
  /** Status and schema of the answer; without a schema it has no body. */
  answers: Record<number, Schema | null>
  refused: number[]
  isOpen?: boolean
}

function operation({ id, summary, description, needed, possible, parameters, answers, refused, isOpen }: Operation): Schema {
  const body = needed || possible
  return {
    tags: ['sign in'],
    operationId: `auth_${id}`,
    summary,
    ...(description ? { description } : {}),
    ...(isOpen ? { security: [] } : {}),
    ...(parameters ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: true,
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: Object.keys(needed ?? {}),
                  properties: { ...needed, ...possible },
                  additionalProperties: false,
                },
              },
            },
          },
        }
      : {}),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, schema]) => [
          status,
          { description: 'Done.', ...(schema ? { content: { 'application/json': { schema } } } : {}) },
        ]),
      ),
      ...Object.fromEntries([...refused, 503].map((status) => [status, refusals[status]])),
    },
  }
}

const object = (properties: Record<string, Schema>): Schema => ({ type: 'object', properties })

const signedIn = object({
  name: text('The login.'),
  request_role: text('As what its requests run.'),
  session_id: text('Identity.'),
  ends_at: time('When the session is over, however busy.'),
})
const secrets = object({
  token_type: { type: 'string', const: 'Bearer' },
  access_token: text('For "Authorization: Bearer"; ends after expires_in.'),
  expires_in: { type: 'integer', description: 'Seconds.' },
  refresh_token: text('Gets the next two, once.'),
  refresh_expires_in: { type: 'integer', description: 'Seconds until the session is over.' },
  session_id: text('Identity.'),
})
const session = object({
  session_id: text('Identity.'),
  is_current: { type: 'boolean', description: 'Whether this request is of it.' },
  is_program: { type: 'boolean', description: 'Whether it is a program’s, not a browser’s.' },
  created_at: time('When it began.'),
  seen_at: time('When it was last used, to the minute.'),
  ends_at: time('When it is over, if it is not used again.'),
  address: { type: ['string', 'null'], description: 'From where it began.' },
  agent: { type: ['string', 'null'], description: 'The program, as it calls itself.' },
})
const me = object({
  kind: { type: 'string', enum: ['user', 'listener', 'speaker', 'login'] },
  name: text('Login, or name of the listener or speaker.'),
  email: text('Of a person, if known.'),
  display_name: text('Of a person, if known.'),
  role,
  request_role: text('As what requests run; a token may be narrower than its owner.'),
  session_id: text('Of a session.'),
  may: { type: 'array', items: { type: 'string', enum: ['read', 'write', 'command', 'admin'] } },
  grants: { type: 'array', items: { type: 'object' }, description: 'Of whom grants bind.' },
})
const user = object({
  login: text('What they sign in as.'),
  email: { type: ['string', 'null'] },
  display_name: { type: ['string', 'null'] },
  role,
  is_enabled: { type: 'boolean' },
  has_password: { type: 'boolean' },
  must_change_password: { type: 'boolean' },
  postgres_login: { type: ['string', 'null'] },
  sessions: { type: 'integer' },
  created_at: time('When it was made.'),
  password_changed_at: { ...time('When the password was last set.'), type: ['string', 'null'] },
  last_login_at: { ...time('When the password last opened a door, to the minute.'), type: ['string', 'null'] },
})

const inPath = (name: string, schema: Schema): Schema => ({ name, in: 'path', required: true, schema })

export const authPaths: Record<string, Schema> = {
  '/api/auth/login': {
    post: operation({
      id: 'login',
      summary: 'Sign in with a browser',
      description: [
        'Sets the cookie __Host-tmidb (HttpOnly, Secure, SameSite=Lax): 7 days, or 24 hours without use. Browsers keep it over https and on',
        'http://localhost. Requests with nothing but the cookie that change something must come from a page of this address, as JSON.',
      ].join(' '),
      needed: { login, password },
      answers: { 200: signedIn },
      refused: [400, 401, 403, 413, 415, 429],
      isOpen: true,
    }),
  },
  '/api/auth/token': {
    post: operation({
      id: 'token',
      summary: 'Sign in with a program',
      needed: { login, password },
      answers: { 200: secrets },
      refused: [400, 401, 403, 413, 415, 429],
      isOpen: true,
    }),
  },
  '/api/auth/refresh': {
    post: operation({
      id: 'refresh',
      summary: 'The next secrets of a program',
      description: 'A refresh token serves once. Shown a second time it ends the session: somebody has copied it.',
      needed: { refresh_token: text('As it was told last.') },
      answers: { 200: secrets },
      refused: [400, 401, 413, 415, 429],
      isOpen: true,
    }),
  },
  '/api/auth/logout': {
    post: operation({ id: 'logout', summary: 'End this session', answers: { 204: null }, refused: [400, 401, 403, 413, 415] }),
  },
  '/api/auth/me': {
    get: operation({ id: 'me', summary: 'Who am I, and what may I?', answers: { 200: me }, refused: [401, 403, 429] }),
  },
  '/api/auth/sessions': {
    get: operation({
      id: 'sessions',
      summary: 'Where am I signed in?',
      answers: { 200: object({ sessions: { type: 'array', items: session } }) },
      refused: [401, 403, 429],
    }),
    delete: operation({
      id: 'end_sessions',
      summary: 'End my other sessions',
      answers: { 200: object({ ended: { type: 'integer' } }) },
      refused: [401, 403, 415, 429],
    }),
  },
  '/api/auth/sessions/{id}': {
    delete: operation({
      id: 'end_session',
      summary: 'End a session',
      description: 'One’s own, or anybody’s by an administrator.',
      parameters: [inPath('id', { type: 'string', pattern: '^[0-9]{1,18}$' })],
      answers: { 204: null },
      refused: [401, 403, 404, 415, 429],
    }),
  },
  '/api/auth/password': {
    post: operation({
      id: 'password',
      summary: 'Change my password',
      description:
        'All sessions end, and a new one begins. With "login" it needs no session: so a password that must be changed is changed.',
      needed: { password: text('The one that you have.'), new_password: password },
      possible: { login },
      answers: { 200: { oneOf: [signedIn, secrets] } },
      refused: [400, 401, 403, 413, 415, 429],
    }),
  },
}

/** For administrators. */
export const userPaths: Record<string, Schema> = {
  '/api/auth/users': {
    get: operation({
      id: 'users',
      summary: 'Who signs in here?',
      answers: { 200: object({ users: { type: 'array', items: user } }) },
      refused: [401, 403, 429],
    }),
    post: operation({
      id: 'create_user',
      summary: 'Make a user',
      description: 'Without a password one is made up, which only serves to choose another. The first token is shown once.',
      needed: { login, role },
      possible: { email: text('kim@example.com'), display_name: text('What they are called.'), password },
      answers: { 201: object({ login, role, password, token: text('Shown once.') }) },
      refused: [400, 401, 403, 404, 409, 413, 415, 429],
    }),
  },
  '/api/auth/users/{login}/password': {
    post: operation({
      id: 'reset_password',
      summary: 'Give a user another password',
      description: 'Which only serves to choose one of their own; all their sessions end. Without a password one is made up.',
      parameters: [inPath('login', login)],
      possible: { password },
      answers: { 200: object({ login, password }), 204: null },
      refused: [400, 401, 403, 404, 413, 415, 429],
    }),
  },
}
