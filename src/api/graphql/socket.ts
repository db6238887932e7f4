// SPDX-License-Identifier: MIT
// GraphQL over WebSocket (graphql-transport-ws). Who asks is known from the first message on; a token that is revoked takes its
// sockets with it.
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { ServerOptions } from 'graphql-ws'
import { type Extra, useServer } from 'graphql-ws/use/ws'
import { type GrafservBase, makeGraphQLWSConfig, normalizeConnectionParams } from 'postgraphile/grafserv'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Caller, credentialOf, isShutOut } from '../../base/caller.ts'
import { TmiError } from '../../base/errors.ts'
import { observe } from '../../base/observe.ts'
import { limitMessages, refuseUpgrade } from '../../base/upgrade.ts'
import type { Access } from '../../db/access.ts'
import { admit } from '../../db/admit.ts'
import { identifyReader, mayRead, socketCaller } from './http.ts'
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

export function openSockets(serv: GrafservBase, access: Pick<Access, 'identify' | 'limits' | 'onChange'>): GraphqlSockets {
  const server = new WebSocketServer({ noServer: true, maxPayload: limits.request, perMessageDeflate: false })
  const callers = new Map<WebSocket, Caller>()
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
        // An operation is a read like one over HTTP; what else is wrong with its sender is said where it runs.
        const spent = await admit(access, callers.get(socket) ?? {}, 'read').then(
          () => null,
          (e: unknown) => (e instanceof TmiError && e.status === 429 ? e : null),
        )
        if (spent !== null) return [refusal(spent.message, spent.code, spent.status)]
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
        const caller = socketCaller({ socket, request, connectionParams, normalizedConnectionParams })
        try {
          mayRead(await admit(access, caller, 'live'))
        } catch (e) {
          close(socket, e)
          return false
        }
        const credential = credentialOf(caller)
        const held = socketsOf.get(credential) ?? 0
        if (held >= mostSockets) {
          close(socket, new TmiError('TM400', `This token has ${held} sockets open.`))
          return false
        }
        socketsOf.set(credential, held + 1)
        callers.set(socket, caller)
        return true
      },
      onClose({ extra: { socket } }) {
        const caller = callers.get(socket)
        if (caller === undefined) return
        callers.delete(socket)
        const credential = credentialOf(caller)
        const left = (socketsOf.get(credential) ?? 1) - 1
        if (left > 0) socketsOf.set(credential, left)
        else socketsOf.delete(credential)
      },
    } satisfies Options,
    server,
  )

  async function checkTokens(): Promise<void> {
    const check = async ([socket, caller]: [WebSocket, Caller]): Promise<void> => {
      try {
        await identifyReader(access, caller)
      } catch (e) {
        // While the store is away nobody is thrown out.
        if (isShutOut(e)) close(socket, e)
      }
    }
    await Promise.all([...callers].map(check))
  }
  const forget = access.onChange(() => {
    checkTokens().catch((e: unknown) =>
      observe({ kind: 'log', level: 'error', message: `sockets were not checked: ${String(e)}` }),
    )
  })

  return {
    handleUpgrade(req, socket, head) {
      if (req.url?.split('?', 1)[0] !== graphqlPath) return false
      if (server.clients.size - callers.size >= mostStrangers) refuseUpgrade(socket, new TmiError('TM400'))
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
    count: () => callers.size,
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
