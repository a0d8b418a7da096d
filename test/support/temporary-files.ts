import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'

const prefix = 'octavo-tests-'

/** From here on, temporary files of this process and those that it starts lie in one folder, which goes as it ends. */
export function ownTemporaryFiles(): void {
  // Vitest reads its configuration once for each project.
  if (basename(tmpdir()).startsWith(prefix)) return
  const folder = mkdtempSync(join(tmpdir(), prefix))
  process.env.TMPDIR = folder
  process.once('exit', () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }))
}
