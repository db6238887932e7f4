// SPDX-License-Identifier: MIT
// /docs: Swagger UI over /api/openapi.json, from the installed package, and /docs/changes, the changelog. Nothing is fetched from elsewhere.
// One bar stands over these pages and over Ruru: who signs in there is signed in on all of them, as long as the tab is open.
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

const head = (title: string): string => `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title}</title>
<link rel="icon" type="image/png" href="/docs/favicon-32x32.png">
<link rel="stylesheet" href="/docs/bar.css">`

const swaggerPage = `${head('tmiDB API')}
<link rel="stylesheet" href="/docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="/docs/bar.js"></script>
<script src="/docs/swagger-ui-bundle.js"></script>
<script src="/docs/start.js"></script>
</body>
</html>
`

const changesPage = `${head('tmiDB API: changes')}
</head>
<body>
<main id="changes"><p>Loading...</p></main>
<script src="/docs/bar.js"></script>
<script src="/docs/changes.js"></script>
</body>
</html>
`

const barCss = `:root { color-scheme: light dark }
body { margin: 0 }
#tmidb-bar { display: flex; flex-wrap: wrap; gap: .3rem 1rem; align-items: center; padding: .4rem 1rem; font: 14px/1.6 system-ui, sans-serif;
  background: light-dark(#f1f3f5, #1d2024); color: light-dark(#1d2024, #f1f3f5); border-bottom: 1px solid light-dark(#ced4da, #41464c) }
#tmidb-bar a { color: inherit }
#tmidb-bar a[aria-current] { font-weight: 600; text-decoration: none }
#tmidb-bar form { margin-left: auto; display: flex; gap: .5rem; align-items: center }
#tmidb-bar input { font: inherit; width: 18rem; max-width: 40vw; padding: .1rem .4rem }
#tmidb-bar button { font: inherit }
#ruru-root { height: calc(100vh - 2.6rem) !important }
#changes { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 1rem auto; padding: 0 1rem }
#changes li[data-class=breaking] b { color: light-dark(#b02a37, #ff8787) }
`

/** The token lives as long as the tab; every page of the same origin and tab sees it. */
const barScript = `'use strict'
const tmidbKey = 'tmidb.authorization'
{
  const known = sessionStorage.getItem(tmidbKey)
  const bar = document.createElement('nav')
  bar.id = 'tmidb-bar'
  bar.setAttribute('aria-label', 'tmiDB API')
  for (const [href, words] of [['/docs', 'REST'], ['/ruru', 'GraphQL'], ['/docs/changes', 'Changes'], ['/docs/errors', 'Errors']]) {
    const a = document.createElement('a')
    a.href = href
    a.textContent = words
    if (location.pathname.replace(/\\/$/, '') === href) a.setAttribute('aria-current', 'page')
    bar.append(a)
  }
  const form = document.createElement('form')
  const button = document.createElement('button')
  if (known) {
    const who = document.createElement('span')
    who.textContent = known.startsWith('Basic ') ? 'Signed in as ' + atob(known.slice(6)).split(':')[0] : 'Signed in with a token'
    button.textContent = 'Sign out'
    form.append(who)
  } else {
    const input = document.createElement('input')
    input.type = 'password'
    input.autocomplete = 'current-password'
    input.placeholder = 'token, or login:password'
    input.setAttribute('aria-label', 'Token, or login:password')
    button.textContent = 'Sign in'
    form.append(input)
  }
  form.append(button)
  form.onsubmit = (event) => {
    event.preventDefault()
    const said = form.querySelector('input')?.value.trim()
    if (known) sessionStorage.removeItem(tmidbKey)
    else if (!said) return
    else if (said.includes(':')) {
      sessionStorage.setItem(tmidbKey, 'Basic ' + btoa(String.fromCharCode(...new TextEncoder().encode(said))))
    } else sessionStorage.setItem(tmidbKey, 'Bearer ' + said)
    location.reload()
  }
  bar.append(form)
  document.body.prepend(bar)
}
`

// Signing in reloads the document: it speaks only of what the token may see.
const swaggerStart = `'use strict'
const remember = (auth) => {
  const { bearer, basic } = auth || {}
  if (bearer) sessionStorage.setItem(tmidbKey, 'Bearer ' + bearer.value)
  else if (basic) {
    const bytes = new TextEncoder().encode(basic.value.username + ':' + basic.value.password)
    sessionStorage.setItem(tmidbKey, 'Basic ' + btoa(String.fromCharCode(...bytes)))
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
    auth: { wrapActions: { authorize: thenReload(remember), logout: thenReload(() => sessionStorage.removeItem(tmidbKey)) } },
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
      const known = sessionStorage.getItem(tmidbKey)
      const isOurs = new URL(request.url, location.href).origin === location.origin
      if (known && isOurs && !request.headers.Authorization) request.headers.Authorization = known
      return request
    },
  })
}
`

const changesScript = `'use strict'
const main = document.getElementById('changes')
const say = (text) => {
  const p = document.createElement('p')
  p.textContent = text
  main.replaceChildren(p)
}
const authorization = sessionStorage.getItem(tmidbKey)
{
  // Without a token in the tab, the browser may have a session's cookie.
  fetch('/api/changelog.json', authorization ? { headers: { authorization } } : {})
    .then(async (res) => {
      const body = await res.json()
      if (res.status === 401 && !authorization) return say('Sign in above to see what changed of what you may see.')
      if (!res.ok) return say(body.message)
      if (body.days.length === 0) return say('Nothing yet: the first reading of a category makes its first version.')
      main.replaceChildren(
        ...body.days.flatMap(({ date, changes }) => {
          const h2 = document.createElement('h2')
          h2.textContent = date
          const ul = document.createElement('ul')
          for (const c of changes) {
            const li = document.createElement('li')
            li.dataset.class = c.compatibility
            const b = document.createElement('b')
            b.textContent = c.category + ' ' + c.version + ' (' + c.compatibility + ')'
            li.append(b, ' ' + c.changes + ' ')
            ul.append(li)
          }
          return [h2, ul]
        }),
      )
    })
    .catch((e) => say('The changelog could not be loaded: ' + e.message))
}
`

/** Made here: address below /docs, type, text. */
const made: Record<string, readonly [string, string]> = {
  '': ['text/html; charset=utf-8', swaggerPage],
  changes: ['text/html; charset=utf-8', changesPage],
  'start.js': ['text/javascript; charset=utf-8', swaggerStart],
  'bar.js': ['text/javascript; charset=utf-8', barScript],
  'bar.css': ['text/css; charset=utf-8', barCss],
  'changes.js': ['text/javascript; charset=utf-8', changesScript],
}

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
    let asset: Asset | undefined
    const [type, text] = (Object.hasOwn(made, name) && made[name]) || []
    if (type !== undefined && text !== undefined) asset = makeAsset(type, Buffer.from(text))
    else if (Object.hasOwn(files, name)) asset = makeAsset(files[name] ?? '', readFileSync(join(folder, name)))
    if (asset) assets.set(path, asset)
    return asset
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
      ...(zipped ? { 'content-encoding': 'gzip' } : {}),
    })
    res.end(req.method === 'HEAD' ? undefined : body)
    return true
  }
}

function makeAsset(type: string, body: Buffer): Asset {
  return { type, body, gzip: gzipSync(body) }
}
