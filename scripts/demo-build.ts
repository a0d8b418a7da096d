import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { build } from 'vite'

const root = join(import.meta.dirname, '..')
/** What the built demo is made from. */
const inputs = ['src', 'shaders', 'demo', 'vite.config.ts', 'package-lock.json']
const stampFile = join(root, 'dist-demo/.built-from')

/** Builds the demo into dist-demo/, unless what is there was built from the same sources. */
export async function buildDemo(): Promise<void> {
  const stamp = await digest()
  if (existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp) return
  console.log('Building the demo')
  await build({ configFile: join(root, 'vite.config.ts'), mode: 'demo', logLevel: 'warn' })
  await writeFile(stampFile, stamp)
}

async function digest(): Promise<string> {
  const hash = createHash('sha256')
  for (const input of inputs) {
    const path = join(root, input)
    for (const file of input.includes('.') ? [path] : await filesBelow(path)) {
      hash.update(file).update(await readFile(file))
    }
  }
  return hash.digest('hex')
}

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}
