// SPDX-License-Identifier: MIT
// The last thing a start prints: where everything is, and three lines to copy.
import { relative, resolve } from 'node:path'
import { type Connection, connectionFile } from './connection.ts'
import { version } from './data-folder.ts'

export function readyBlock(connection: Connection, dataDir: string, first: boolean): string {
  const file = nearest(connectionFile(dataDir))
  const rows: [string, string][] = [
    ['API', connection.http],
    ['GraphQL', `${connection.graphql}   (page: ${connection.http}/ruru)`],
    ['Swagger', `${connection.http}/docs`],
    ['MQTT', `${connection.mqtt}   (password: a speaker token)`],
    [
      'Admin login',
      first ? `${connection.admin.login} / ${connection.admin.password}   (shown once; kept in ${file})` : `kept in ${file}`,
    ],
    ['Speaker token', connection.speaker.token],
    ['Listener token', connection.listener.token],
  ]
  // What curl trusts already, it trusts all the same.
  const trust = connection.certificate === undefined ? '' : `--cacert ${shell(nearest(connection.certificate))} `
  const elsewhere = dataDir === resolve('data') ? '' : `TMIDB_DATA=${shell(nearest(dataDir))} `
  const copy: [string, string][] = [
    [
      'send a reading',
      `curl ${trust}-X POST ${connection.http}/api/in/sensor/truck-17 -H 'Authorization: Bearer ${connection.speaker.token}' ` +
        `-H 'Content-Type: application/json' -d '{"temperature": 21.5}'`,
    ],
    [
      'read it back',
      `curl ${trust}'${connection.http}/api/v1/sensor?order=ts.desc&limit=5' -H 'Authorization: Bearer ${connection.listener.token}'`,
    ],
    ['watch it live', `${elsewhere}npx tmictl tail`],
  ]
  const width = Math.max(...rows.map(([name]) => name.length))
  return [
    '',
    `=== tmiDB ${version} ready ===`,
    ...rows.map(([name, value]) => `  ${name.padEnd(width)}  ${value}`),
    '',
    ...copy.flatMap(([what, line]) => [`  # ${what}`, `  ${line}`]),
    '',
    '  Ctrl-C stops everything.',
  ].join('\n')
}

function nearest(path: string): string {
  const here = relative(process.cwd(), path)
  return here.startsWith('..') ? path : here || '.'
}

function shell(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
}
