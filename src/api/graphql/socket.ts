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
import { limitMessages, refuseUpgrade } from '../../base/upgrade.ts'
import type { Access } from '../../db/access.ts'
import { identifyReader, socketAuthorization } from './http.ts'
import { limits, refusal } from './limits.ts'
import { graphqlPath } from './preset.ts'

export interface GraphqlSockets extends AsyncDisposable {
  handleUpgrade(req: IncomingMessage, socket: Duplex, head: Buffer): boolean
  count(): number
}

/** Who has not said who it is has so long, and so many may be waiting. */
const initMs = 3000
const mostStrangers = 1000
/** Sockets of one token; operations under way on one socket, ended ones among them until they really have; messages of one socket. */
const mostSockets = 1000
const mostOperations = 100
const messagesPerSecond = 100
const messagesAtOnce = 500

type Run = (args: unknown) => Promise<unknown>
type Options = ServerOptions<Record<string, unknown> | undefined, Extra>

export function openSockets(serv: GrafservBase, access: Pick<Access, 'identify' | 'onChange'>): GraphqlSockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.request, perMessageDeflate: false })
  const tokens = new Map<WebSocket, string | undefined>()
  const socketsOf = new Map<string | undefined, number>()
  const running = new WeakMap<WebSocket, number>()
  const config = makeGraphQLWSConfig(serv as never) as unknown as Options

  const { dispose } = useServer<Record<string, unknown> | undefined>(
    {
      ...config,
      connectionInitWaitTimeout: initMs,
      async onSubscribe(ctx, id, payload) {
        const { socket } = ctx.extra
        const open = Math.max(running.get(socket) ?? 0, Object.keys(ctx.subscriptions).length - 1)
        if (open >= mostOperations) {
          return [refusal(`There are ${open} operations under way on this socket; end some first.`, 'TM400', 429)]
        }
        const made = await config.onSubscribe?.(ctx, id, payload)
        if (made === undefined || Array.isArray(made)) return made
        // A client that takes an operation back does not stop its statement: it counts until it is over.
        const args = made as unknown as { execute: Run; subscribe: Run }
        const counted =
          (run: Run): Run =>
          async (a) => {
            running.set(socket, (running.get(socket) ?? 0) + 1)
            try {
              return await run(a)
            } finally {
              running.set(socket, (running.get(socket) ?? 1) - 1)
            }
          }
        args.execute = counted(args.execute)
        args.subscribe = counted(args.subscribe)
        return made
      },
      async onConnect({ connectionParams, extra: { socket, request } }) {
        const normalizedConnectionParams = normalizeConnectionParams(connectionParams)
        const authorization = socketAuthorization({ socket, request, connectionParams, normalizedConnectionParams })
        try {
          await identifyReader(access, authorization)
        } catch (e) {
          close(socket, e)
          return false
        }
        const held = socketsOf.get(authorization) ?? 0
        if (held >= mostSockets) {
          close(socket, new TmiError('TM400', `This token has ${held} sockets open.`))
          return false
        }
        socketsOf.set(authorization, held + 1)
        tokens.set(socket, authorization)
        return true
      },
      onClose({ extra: { socket } }) {
        if (!tokens.has(socket)) return
        const authorization = tokens.get(socket)
        tokens.delete(socket)
        const left = (socketsOf.get(authorization) ?? 1) - 1
        if (left > 0) socketsOf.set(authorization, left)
        else socketsOf.delete(authorization)
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
      if (server.clients.size - tokens.size >= mostStrangers) refuseUpgrade(socket, new TmiError('TM400'))
      else
        server.handleUpgrade(req, socket, head, (ws) => {
          server.emit('connection', ws, req)
          // A message that is too large, or no WebSocket at all: ws has said so and closes; it is nothing to write down.
          ws.removeAllListeners('error')
          ws.on('error', () => setTimeout(() => ws.terminate(), 1000).unref())
          limitMessages(ws, messagesPerSecond, messagesAtOnce)
        })
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

/** 4401 for who must say who they are, 4403 for who may not, 4429 for too much at once, 4500 for the rest; the reason begins with our code. */
function close(socket: WebSocket, e: unknown): void {
  const error = e instanceof TmiError ? e : new TmiError('TM500', undefined, { cause: e })
  const code = error.status === 401 ? 4401 : error.status === 403 ? 4403 : error.status === 429 ? 4429 : 4500
  socket.close(code, `${error.code} ${error.message}`.slice(0, 100))
}
