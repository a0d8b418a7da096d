import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Files of the library and how many kB each may have after gzip; more fails, and so does a file that is not named. */
const budgetKb: Readonly<Record<string, number>> = {
  // What an app's own bundle grows by.
  'index.js': 11,
  'error-transfer.js': 2.5,
  // The engine, fetched when an engine is created: the worker's script, or the same for a thread without one.
  'worker.js': 180,
  'service.js': 179,
}

const folder = join(import.meta.dirname, '../dist')
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js')).sort()
if (!files.includes('index.js')) throw new Error(`${folder} has no index.js: npm run build makes it`)

const rows: { name: string; minified: number; gzipped: number }[] = []
for (const name of files) {
  const bytes = await readFile(join(folder, name))
  rows.push({ name, minified: bytes.length, gzipped: gzipSync(bytes, { level: 9 }).length })
}
const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11)
const width = Math.max(...rows.map(({ name }) => name.length))
console.log(`${''.padEnd(width)}   minified    gzipped     budget`)
let over = false
for (const { name, minified, gzipped } of rows) {
  const budget = (budgetKb[name] ?? 0) * 1000
  const above = gzipped > budget
  over ||= above
  console.log(`${name.padEnd(width)}${kb(minified)}${kb(gzipped)}${kb(budget)}${above ? '   over' : ''}`)
}
if (over) {
  console.error(
    'The library has outgrown its budget: find what came in, or raise the budget in scripts/size.ts.',
  )
  process.exitCode = 1
}
