import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** What a page loads, in kB after gzip; more fails. The entry is what an app's own bundle grows by. */
const budgetKb: Readonly<Record<string, number>> = { 'index.js': 20, total: 150 }

const folder = join(import.meta.dirname, '../dist')
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js')).sort()
if (!files.includes('index.js')) throw new Error(`${folder} has no index.js: npm run build makes it`)

const rows: { name: string; minified: number; gzipped: number }[] = []
for (const name of files) {
  const bytes = await readFile(join(folder, name))
  rows.push({ name, minified: bytes.length, gzipped: gzipSync(bytes, { level: 9 }).length })
}
const sum = (pick: (row: (typeof rows)[number]) => number) =>
  rows.reduce((total, row) => total + pick(row), 0)
rows.push({ name: 'total', minified: sum((row) => row.minified), gzipped: sum((row) => row.gzipped) })

const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11)
const width = Math.max(...rows.map(({ name }) => name.length))
console.log(`${''.padEnd(width)}   minified    gzipped     budget`)
let over = false
for (const { name, minified, gzipped } of rows) {
  const budget = budgetKb[name]
  const above = budget !== undefined && gzipped > budget * 1000
  over ||= above
  console.log(
    `${name.padEnd(width)}${kb(minified)}${kb(gzipped)}${budget ? kb(budget * 1000) : ''}${above ? '   over' : ''}`,
  )
}
if (over) {
  console.error(
    'The library has outgrown its budget: find what came in, or raise the budget in scripts/size.ts.',
  )
  process.exitCode = 1
}
