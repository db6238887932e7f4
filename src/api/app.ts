// SPDX-License-Identifier: MIT
// The express app: everything that is not on a hot path. GraphQL is mounted between openApp() and finish().
import { randomUUID } from 'node:crypto'
import express, { type Express } from 'express'
import { errorTable, problem, TmiError } from '../base/errors.ts'
import { docsHandler } from './docs/pages.ts'

export interface App extends Express {
  /** Puts the last word behind everything that was mounted. */
  finish(): void
}

const addresses = {
  api: '/api/v1/{category}',
  in: ['/api/in/{category}/{target}', '/ws/in', '/api/v2/write', '/write', '/api/v1/{token}/telemetry'],
  openapi: '/api/openapi.json',
  auth: '/api/auth/me',
  docs: '/docs',
  graphql: '/graphql',
  ruru: '/ruru',
  live: ['/tmi/ws', '/ws/{listener}'],
  health: '/health/ready',
}

/** ready rejects while the instance cannot answer. */
export function openApp(ready: () => Promise<unknown>): App {
  const app = express() as unknown as App
  app.disable('x-powered-by')
  app.get('/health/live', (_req, res) => void res.json({ status: 'ok' }))
  app.get('/health/ready', (_req, res) => {
    ready().then(
      () => res.json({ status: 'ok' }),
      () => res.status(503).json({ status: 'database away' }),
    )
  })
  app.get('/', (_req, res) => void res.json({ name: 'tmiDB', version: '0.1', addresses }))
  app.get('/docs/errors', (_req, res) => void res.type('html').send(errorsPage()))
  const docs = docsHandler()
  app.use((req, res, next) => {
    if (!docs(req, res)) next()
  })
  app.finish = () => {
    app.use((req, res) => {
      const e = new TmiError('TM301', `There is nothing at ${req.path.slice(0, 200)}.`)
      res
        .status(e.status)
        .type('application/problem+json')
        .send(JSON.stringify(problem(e, randomUUID())))
    })
  }
  return app
}

/** Where the "type" of every problem leads. */
function errorsPage(): string {
  const text = (s: string): string => s.replace(/&/g, '&amp;').replace(/</g, '&lt;')
  const rows = Object.entries(errorTable).map(
    ([code, e]) => `<tr id="${code}"><td>${code}<td>${e.status}<td>${text(e.sentence)}<td>${text(e.hint)}`,
  )
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>tmiDB errors</title>
<style>:root{color-scheme:light dark}body{font:15px/1.5 system-ui;margin:2rem auto;max-width:60rem;padding:0 1rem}td,th{padding:.3rem .8rem .3rem 0;
text-align:left;vertical-align:top}tr:target{outline:2px solid}</style><h1>Errors</h1><table><tr><th>code<th>HTTP<th>what<th>what to do${rows.join('')}</table>`
}
