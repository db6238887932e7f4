// SPDX-License-Identifier: MIT
// Ruru's page has scripts in its text. It runs those, by their hashes, and what comes from our own address; nothing else that might get into it.
import { createHash } from 'node:crypto'
import type { ServerResponse } from 'node:http'
import type {} from 'postgraphile/grafserv'
import type {} from 'postgraphile/grafserv/node'
import { pagePolicy } from '../safe-response.ts'

export const ruruPolicyPlugin: GraphileConfig.Plugin = {
  name: 'TmidbRuruPolicyPlugin',
  version: '0.0.0',
  grafserv: {
    middleware: {
      async ruruHTML(next, { request }) {
        const html = await next()
        const res = request.requestContext.node?.res as ServerResponse | undefined
        res?.setHeader('Content-Security-Policy', `${pagePolicy}; script-src 'self' ${inlineHashes(html).join(' ')}`)
        return html
      },
    },
  },
}

function inlineHashes(html: string): string[] {
  return [...html.matchAll(/<script(?![^>]*\ssrc=)[^>]*>([\s\S]*?)<\/script>/g)].map(
    ([, text = '']) => `'sha256-${createHash('sha256').update(text).digest('base64')}'`,
  )
}
