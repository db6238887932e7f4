// SPDX-License-Identifier: MIT
// Who may see what, said once more in plain data: grants as a person would write them down, and what follows from them for a reading.
// The proofs beside this file compare every door with it. Nothing here asks the database's rules.

export interface Grant {
  /** Null: all. */
  category: string | null
  targets: string[] | null
  /** Instead of targets. */
  group?: string
  fields: string[] | null
  /** Only readings younger than so many hours. */
  hours?: number
}

/** Every other target stands in Busan. */
export const groups: Record<string, (target: string) => boolean> = { 'in busan': (key) => Number(key.slice(2)) % 2 === 0 }
export const groupConditions: Record<string, string> = { 'in busan': '$.site == "busan"' }

export interface Reading {
  id: string
  category: string
  version: string
  target: string
  targetId: string
  /** As the API prints it. */
  ts: string
  data: Record<string, unknown>
}

/** Whom the proofs let ask; what each was given. */
export const given = {
  ann: [
    { category: 'sensor', targets: ['t-0', 't-1', 't-2'], fields: ['temperature', 'gps'] },
    { category: 'log', targets: null, fields: ['level'] },
    { category: 'fleet', targets: ['t-1', 't-2', 't-3'], fields: ['lat', 'lon'] },
    { category: 'secret', targets: null, fields: ['lat'] },
  ],
  ben: [
    { category: 'sensor', targets: null, fields: ['humidity'] },
    { category: 'sensor', targets: ['t-1'], fields: null },
    { category: null, targets: ['t-3'], fields: null },
    { category: 'fleet', targets: null, fields: ['pos'] },
    { category: 'secret', targets: null, fields: ['lon', 'code'] },
  ],
  cat: [
    { category: 'sensor', targets: ['t-4'], fields: ['gps.lat', 'status'] },
    { category: 'secret', targets: ['t-5'], fields: null },
    { category: null, targets: ['t-6'], fields: ['level', 'code', 'pos'] },
    { category: 'fleet', targets: ['t-4'], fields: ['pos.lat', 'lon'] },
    { category: 'fleet', targets: ['t-5'], fields: ['pos.lon', 'lat'] },
    { category: 'log', targets: ['t-7'], fields: ['message'] },
  ],
  dan: [],
  fay: [
    { category: 'sensor', targets: null, group: 'in busan', fields: ['temperature', 'status'] },
    { category: 'log', targets: null, fields: null, hours: 24 },
    { category: 'sensor', targets: ['t-2', 't-3'], fields: null, hours: 12 },
    { category: 'secret', targets: ['t-1'], fields: ['code'] },
    { category: 'secret', targets: ['t-1'], fields: null, hours: 24 },
    { category: 'fleet', targets: null, fields: ['pos'], hours: 24 },
    { category: 'fleet', targets: ['t-1', 't-2', 't-3'], fields: ['lat', 'lon'] },
    { category: 'secret', targets: null, fields: ['lat', 'lon'], hours: 12 },
    { category: 'secret', targets: ['t-9'], fields: ['lat'] },
    { category: 'secret', targets: ['t-9'], fields: ['lon'], hours: 24 },
    { category: 'secret', targets: ['t-8'], fields: ['lon'] },
    { category: 'secret', targets: ['t-8'], fields: ['lat'], hours: 24 },
  ],
  eve: [{ category: null, targets: null, fields: null }],
} satisfies Record<string, Grant[]>

/** A person: what its role may, and what it may itself. */
export const givenToRole: Grant[] = [{ category: 'sensor', targets: null, group: 'in busan', fields: ['humidity', 'gps'] }]
export const givenToKim: Grant[] = [
  { category: 'log', targets: ['t-8', 't-9'], fields: null },
  { category: 'fleet', targets: null, fields: ['pos'] },
]
export const givenToMember: Grant[] = [...givenToRole, ...givenToKim]

export type Listener = keyof typeof given
export const listeners = Object.keys(given) as Listener[]
/** What a viewer, an editor and an administrator see. */
export const everything: Grant[] = given.eve

const isOf = (g: Grant, target: string): boolean =>
  g.group === undefined ? g.targets === null || g.targets.includes(target) : (groups[g.group]?.(target) ?? false)

/** Names of the fields that may be seen, '*' for all; null: the reading is not there. */
export function maskOf(
  grants: Grant[],
  { category, target, ts }: Pick<Reading, 'category' | 'target' | 'ts'>,
): Set<string> | null {
  const hits = grants.filter(
    (g) =>
      (g.category ?? category) === category &&
      isOf(g, target) &&
      (g.hours === undefined || Date.parse(ts) >= Date.now() - g.hours * 3_600_000),
  )
  return hits.length === 0 ? null : new Set(hits.flatMap((g) => g.fields ?? ['*']))
}

export function shows(mask: Set<string>, path: string[]): boolean {
  return mask.has('*') || path.some((_, i) => mask.has(path.slice(0, i + 1).join('.')))
}

/** A payload with only what the mask shows; an object of which nothing is shown is not there. */
export function cut(data: Record<string, unknown>, mask: Set<string>, within: string[] = []): Record<string, unknown> {
  if (within.length === 0 && mask.has('*')) return data
  const left: Record<string, unknown> = {}
  for (const [key, value] of Object.entries(data)) {
    const path = [...within, key]
    if (shows(mask, path)) left[key] = value
    else if (value !== null && typeof value === 'object' && !Array.isArray(value)) {
      const inner = cut(value as Record<string, unknown>, mask, path)
      if (Object.keys(inner).length > 0) left[key] = inner
    }
  }
  return left
}

/** A reading as somebody with these grants gets it; null: not at all. */
export function seen(grants: Grant[], reading: Reading): Reading | null {
  const mask = maskOf(grants, reading)
  return mask === null ? null : { ...reading, data: cut(reading.data, mask) }
}

export function valueAt(data: Record<string, unknown>, path: string[]): unknown {
  return path.reduce<unknown>(
    (v, k) => (v !== null && typeof v === 'object' ? (v as Record<string, unknown>)[k] : undefined),
    data,
  )
}

type Kind = 'number' | 'text'
/** The columns of each view: where in the payload, and as what. */
export const views: Record<string, Record<string, [path: string[], kind: Kind]>> = {
  sensor_v1: {
    temperature: [['temperature'], 'number'],
    humidity: [['humidity'], 'number'],
    status: [['status'], 'text'],
    gps_lat: [['gps', 'lat'], 'number'],
    gps_lon: [['gps', 'lon'], 'number'],
  },
  sensor_v2: {
    temperature: [['temperature'], 'text'],
    humidity: [['humidity'], 'number'],
    status: [['status'], 'text'],
    gps_lat: [['gps', 'lat'], 'number'],
    gps_lon: [['gps', 'lon'], 'number'],
  },
  log_v1: { level: [['level'], 'text'], message: [['message'], 'text'] },
  fleet_v1: {
    pos_lat: [['pos', 'lat'], 'number'],
    pos_lon: [['pos', 'lon'], 'number'],
    lat: [['lat'], 'number'],
    lon: [['lon'], 'number'],
  },
  secret_v1: { code: [['code'], 'number'], lat: [['lat'], 'number'], lon: [['lon'], 'number'] },
}

/** A row of a view: what does not fit its column is null there. */
export function columnsOf(view: string, data: Record<string, unknown>): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [name, [path, kind]] of Object.entries(views[view] ?? {})) {
    const value = valueAt(data, path)
    if (kind === 'number') row[name] = typeof value === 'number' ? value : null
    else row[name] = value === undefined || value === null ? null : String(value)
  }
  return row
}

/** Keys of the targets that somebody with these grants may know. */
export function knownTargets(grants: Grant[], all: string[]): string[] {
  return all.filter((key) => grants.some((g) => isOf(g, key)))
}
