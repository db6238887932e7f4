// SPDX-License-Identifier: MIT
// Where the migrations are: --dir, else TMIDB_MIGRATIONS, else ./migrations.
import { migrationsDir } from '../../base/config.ts'
import type { Args } from '../command.ts'

export function folderOf(args: Args): string {
  return text(args, 'dir') ?? migrationsDir()
}

export function text(args: Args, name: string): string | undefined {
  const value = args.values[name]
  return typeof value === 'string' ? value : undefined
}
