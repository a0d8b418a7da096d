import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateDtsBundle } from 'dts-bundle-generator'

/** Writes dist/index.d.ts: the public declarations, whole in one file, that need no other package. */
const root = join(import.meta.dirname, '..')
const [declarations] = generateDtsBundle(
  [{ filePath: join(root, 'src/index.ts'), output: { noBanner: true, exportReferencedTypes: false } }],
  { preferredConfigPath: join(root, 'tsconfig.build.json') },
)
// `Symbol.asyncDispose` is younger than the library version that many apps compile against.
await writeFile(join(root, 'dist/index.d.ts'), `/// <reference lib="esnext.disposable" />\n${declarations}`)
