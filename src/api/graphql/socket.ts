// SPDX-License-Identifier: MIT
// GraphQL over WebSocket (graphql-transport-ws). Who asks is known from the first message on; a token that is revoked takes its
// sockets with it.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerOptions } from 'graphql-ws'
import { type Extra, useServer } from 'graphql-ws/use/ws'
import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from 'postgraphile/grafserv'
import { type WebSocket, WebSocketServer } from 'ws'
import { TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'
import type { Access } from '../../db/access.ts'
import { identifyReader } from './http.ts'
import { graphqlPath, socketAuthorization } from './preset.ts'

export interface GraphqlSockets extends AsyncDisposable {
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  count(): number
}

type Options = ServerOptions<Record<string, unknown> | undefined, Extra>

export function openSockets(serv: GrafservBase, access: Pick<Access, 'identify' | 'onChange'>): GraphqlSockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: 1_000_000 })
  const tokens = new Map<WebSocket, string | undefined>()

  const { dispose } = useServer<Record<string, unknown> | undefined>(
    {
      ...(makeGraphQLWSConfig(serv as never) as unknown as Options),
      async onConnect({ connectionParams, extra: { socket, request } }) {
        const normalizedConnectionParams = normalizeConnectionParams(connectionParams)
        const authorization = socketAuthorization({ socket, request, connectionParams, normalizedConnectionParams })
        try {
          await identifyReader(access, authorization)
        } catch (e) {
          close(socket, e)
          return false
        }
        tokens.set(socket, authorization)
        return true
      },
      onClose({ extra: { socket } }) {
        tokens.delete(socket)
      },
    } satisfies Options,
    server,
  )

  async function checkTokens(): Promise<void> {
    const verdicts = new Map<string | undefined, Promise<unknown>>()
    for (const authorization of new Set(tokens.values())) {
      verdicts.set(
        authorization,
        identifyReader(access, authorization).then(
          () => null,
          (e: unknown) => e,
        ),
      )
    }
    for (const [socket, authorization] of [...tokens]) {
      const e = await verdicts.get(authorization)
      // While the store is away nobody is thrown out.
      if (e instanceof TmiError && e.status === 401) close(socket, e)
    }
  }
  const forget = access.onChange(() => {
    checkTokens().catch((e: unknown) =>
      observe({ kind: 'log', level: 'error', message: `sockets were not checked: ${String(e)}` }),
    )
  })

  return {
    handleUpgrade(req, socket, head) {
      if (req.url?.split('?', 1)[0] !== graphqlPath) return false
      server.handleUpgrade(req, socket, head, (ws) => server.emit('connection', ws, req))
      return true
    },
    count: () => tokens.size,
    async [Symbol.asyncDispose]() {
      forget()
      // A client that does not answer the goodbye is not waited for.
      const impatient = setTimeout(() => {
        for (const client of server.clients) client.terminate()
      }, 500)
      await dispose()
      clearTimeout(impatient)
    },
  }
}

/** 4401 for who must say who they are, 4403 for who may not, 4500 for the rest; the reason begins with our code. */
function close(socket: WebSocket, e: unknown): void {
  const error = e instanceof TmiError ? e : new TmiError('TM500', undefined, { cause: e })
  const code = error.status === 401 ? 4401 : error.status === 403 ? 4403 : 4500
  socket.close(code, `${error.code} ${error.message}`.slice(0, 100))
}
