// SPDX-License-Identifier: MIT
// What must hold for the files of this repository, whatever they do. Each function returns what is wrong, a line each.
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** Files in git, and those that could be added to it. */
export function trackedFiles(): string[] {
  const args = ['ls-files', '-z', '--cached', '--others', '--exclude-standard']
  const listed = execFileSync('git', args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 })
  return listed.split('\0').filter((path) => path !== '' && existsSync(join(root, path)))
}

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

const header = 'SPDX-License-Identifier: MIT'

function isSource(path: string): boolean {
  return /\.(ts|tsx|js|cjs|mjs|sql|sh|css|ya?ml)$/.test(path) || basename(path) === 'Dockerfile' || path === '.ci/run'
}

/** Source files whose first line (behind "#!") is not the licence. */
export function withoutSpdx(): string[] {
  return trackedFiles().filter((path) => {
    if (!isSource(path)) return false
    const lines = read(path).split('\n', 2)
    const first = lines[0]?.startsWith('#!') ? lines[1] : lines[0]
    return !first?.endsWith(header)
  })
}

const foreign: [RegExp, string][] = [
  [
    /https?:\/\/[\w.-]*(registry|npmjs|yarnpkg|pypi|pythonhosted|golang|artifactory|nexus)[\w.-]*/,
    'the host of a package registry',
  ],
  [/(?<![\w.$}~/-])\/(home|root|Users|work|var\/tmp)\/[\w.-]/, 'a path of one machine'],
]

/** What would work only where it was written. */
export function machineTraces(): string[] {
  const found: string[] = []
  for (const path of trackedFiles()) {
    if (/\.(png|ico|woff2?)$/.test(path)) continue
    for (const [n, line] of read(path).split('\n').entries()) {
      for (const [pattern, what] of foreign) {
        const hit = pattern.exec(line)
        if (hit && path !== 'scripts/repository.ts') found.push(`${path}:${n + 1}: ${what}: ${hit[0]}`)
      }
    }
  }
  return found
}

interface Manifest {
  dependencies?: Record<string, string>
  devDependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

interface Locked {
  version?: string
  license?: string
  dev?: boolean
  resolved?: string
}

const kinds = ['dependencies', 'devDependencies', 'optionalDependencies'] as const

function lock(): Record<string, Locked & Manifest> {
  return (JSON.parse(read('package-lock.json')) as { packages: Record<string, Locked & Manifest> }).packages
}

/** Versions that could mean another one tomorrow, and a lock file that says something else than package.json. */
export function loosePins(): string[] {
  const wanted = JSON.parse(read('package.json')) as Manifest
  const locked = lock()
  const found: string[] = []
  for (const kind of kinds) {
    const [ours, theirs] = [wanted[kind] ?? {}, locked['']?.[kind] ?? {}]
    for (const name of new Set([...Object.keys(ours), ...Object.keys(theirs)])) {
      const version = ours[name]
      if (version === undefined || version !== theirs[name])
        found.push(`${name}: package.json and package-lock.json differ (${kind})`)
      else if (!/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) found.push(`${name}: ${version} is not one version`)
      else if (locked[`node_modules/${name}`]?.version !== version)
        found.push(`${name}: ${version} is not the one that is locked`)
    }
  }
  return found
}

/** What packages need but the lock file does not name: "npm ci" refuses such a file, for optional ones of other platforms too. */
export function unlocked(packages = lock()): string[] {
  const found: string[] = []
  for (const [path, { dependencies, optionalDependencies }] of Object.entries(packages)) {
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      let from = path
      while (from !== '' && !packages[`${from}/node_modules/${name}`])
        from = from.replace(/(^|\/)node_modules\/(@[^/]+\/)?[^/]+$/, '')
      if (from === '' && !packages[`node_modules/${name}`]) found.push(`${name}, for ${path || 'package.json'}`)
    }
  }
  return found
}

const allowed = new Set(['MIT', 'Apache-2.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', '0BSD', 'BlueOak-1.0.0', 'PostgreSQL'])

/** Permissive too, each looked at: docs/decisions/0010-licences.md. */
const exceptions: Record<string, string[]> = {
  argparse: ['Python-2.0', 'PSF-2.0'],
  tweetnacl: ['Unlicense'],
  'fetch-cookie': ['Unlicense'],
  isbot: ['Unlicense'],
  pako: ['MIT AND Zlib'],
}

/** Packages that ship (not only for tests and checks) under a licence that was not agreed on. */
export function foreignLicences(packages = lock()): string[] {
  const found: string[] = []
  for (const [path, { license, dev, version }] of Object.entries(packages)) {
    if (path === '' || dev) continue
    const name = path.replace(/^.*node_modules\//, '')
    const said = (license ?? 'no licence').replace(/^\((.*)\)$/, '$1')
    if (exceptions[name]?.includes(said)) continue
    const isFine = said.split(' OR ').some((one) => one.split(' AND ').every((part) => allowed.has(part)))
    if (!isFine) found.push(`${name} ${version}: ${said}`)
  }
  return found
}
