// SPDX-License-Identifier: MIT
// /docs: Swagger UI over /api/openapi.json, from the installed package; nothing is fetched from elsewhere.
import { readFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { gzipSync } from 'node:zlib'

interface Asset {
  type: string
  body: Buffer
  gzip: Buffer
}

const page = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>tmiDB API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css">
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<style>body { margin: 0 } .topbar { display: none }</style>
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

// Signing in reloads the document: it speaks only of what the token may see. The token lives as long as the tab.
const start = `'use strict'
const key = 'tmidb.authorization'
const remember = (auth) => {
  const { bearer, basic } = auth || {}
  if (bearer) sessionStorage.setItem(key, 'Bearer ' + bearer.value)
  else if (basic) {
    const bytes = new TextEncoder().encode(basic.value.username + ':' + basic.value.password)
    sessionStorage.setItem(key, 'Basic ' + btoa(String.fromCharCode(...bytes)))
  }
}
const thenReload = (before) => (original, system) => (given) => {
  before(given)
  const result = original(given)
  system.specActions.download()
  return result
}
const signedIn = {
  statePlugins: {
    auth: { wrapActions: { authorize: thenReload(remember), logout: thenReload(() => sessionStorage.removeItem(key)) } },
  },
}
window.onload = () => {
  window.ui = SwaggerUIBundle({
    url: '/api/openapi.json',
    dom_id: '#swagger-ui',
    deepLinking: true,
    validatorUrl: null,
    plugins: [() => signedIn],
    presets: [SwaggerUIBundle.presets.apis],
    requestInterceptor: (request) => {
      const known = sessionStorage.getItem(key)
      const isOurs = new URL(request.url, location.href).origin === location.origin
      if (known && isOurs && !request.headers.Authorization) request.headers.Authorization = known
      return request
    },
  })
}
`

const files: Record<string, string> = {
  'swagger-ui.css': 'text/css; charset=utf-8',
  'swagger-ui-bundle.js': 'text/javascript; charset=utf-8',
  'favicon-32x32.png': 'image/png',
}

/** True if the request was for the page or one of its files. */
export function docsHandler(): (req: IncomingMessage, res: ServerResponse) => boolean {
  const folder = dirname(createRequire(import.meta.url).resolve('swagger-ui-dist/package.json'))
  const assets = new Map<string, Asset>()
  const asset = (path: string): Asset | undefined => {
    const known = assets.get(path)
    if (known) return known
    const name = path.slice('/docs/'.length)
    let made: Asset | undefined
    if (path === '/docs' || path === '/docs/') made = makeAsset('text/html; charset=utf-8', Buffer.from(page))
    else if (name === 'start.js') made = makeAsset('text/javascript; charset=utf-8', Buffer.from(start))
    else if (Object.hasOwn(files, name)) made = makeAsset(files[name] ?? '', readFileSync(join(folder, name)))
    if (made) assets.set(path, made)
    return made
  }
  return (req, res) => {
    const path = (req.url ?? '').split('?')[0] ?? ''
    if (!path.startsWith('/docs') || (req.method !== 'GET' && req.method !== 'HEAD')) return false
    const found = asset(path)
    if (!found) return false
    const zipped = /\bgzip\b/.test(String(req.headers['accept-encoding'] ?? ''))
    const body = zipped ? found.gzip : found.body
    res.writeHead(200, {
      'content-type': found.type,
      'content-length': String(body.length),
      'cache-control': 'max-age=300',
      vary: 'accept-encoding',
      'x-content-type-options': 'nosniff',
      'content-security-policy':
        "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; frame-ancestors 'none'",
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    })
    res.end(req.method === 'HEAD' ? undefined : body)
    return true
  }
}

function makeAsset(type: string, body: Buffer): Asset {
  return { type, body, gzip: gzipSync(body) }
}
