import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { run } from './command.ts'

const root = join(import.meta.dirname, '..')

/** What is built: by which script of package.json, from what, into which folder. */
interface Product {
  readonly script: string
  readonly folder: string
  readonly inputs: readonly string[]
}

const common = [
  ...['src', 'shaders', 'vite.config.ts', 'package.json', 'package-lock.json'],
  ...['scripts/lean-shaders.ts', 'scripts/library-parts.ts'],
]

export const demo: Product = {
  script: 'build:demo',
  folder: join(root, 'dist-demo'),
  inputs: [...common, 'demo'],
}

export const library: Product = {
  script: 'build',
  folder: join(root, 'dist'),
  inputs: [...common, 'tsconfig.json', 'tsconfig.build.json', 'scripts/build-types.ts'],
}

/** Builds the product, unless what is there was built from the same sources; gives its folder. */
export async function built({ script, folder, inputs }: Product): Promise<string> {
  const stampFile = join(folder, '.built-from')
  const stamp = await digest(inputs)
  if (existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp) return folder
  console.log(`npm run ${script}`)
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  await run(npm, ['run', '--silent', script])
  await writeFile(stampFile, stamp)
  return folder
}

/** Of files and folders of the repository, by their paths in it and what is in them. */
export async function digest(inputs: readonly string[]): Promise<string> {
  const hash = createHash('sha256')
  for (const input of inputs) {
    const path = join(root, input)
    for (const file of input.includes('.') ? [path] : await filesBelow(path)) {
      hash.update(relative(root, file)).update(await readFile(file))
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
