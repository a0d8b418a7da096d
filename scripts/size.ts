import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { chatFiles, fileSize } from './library-size.ts'
import { budgetKb, chatKb, partKb } from './size-budgets.ts'

const folder = join(import.meta.dirname, '../dist')
const files = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.js')).sort()
if (!files.includes('index.js')) throw new Error(`${folder} has no index.js: npm run build makes it`)

const budgetOf = (name: string): number =>
  budgetKb[name] ?? partKb[/^(?:worker-)?(.*)\.js$/.exec(name)![1]!] ?? 0

const rows: { name: string; minified: number; gzipped: number }[] = []
for (const name of files) rows.push({ name, ...(await fileSize(folder, name)) })
const kb = (bytes: number) => `${(bytes / 1000).toFixed(1)} kB`.padStart(11)
const width = Math.max(...rows.map(({ name }) => name.length))
console.log(`${''.padEnd(width)}   minified    gzipped     budget`)
let over = false
for (const { name, minified, gzipped } of rows) {
  const budget = budgetOf(name) * 1000
  const above = gzipped > budget
  over ||= above
  console.log(`${name.padEnd(width)}${kb(minified)}${kb(gzipped)}${kb(budget)}${above ? '   over' : ''}`)
}
const chat = rows.filter(({ name }) => (chatFiles as readonly string[]).includes(name))
const chatBytes = chat.reduce((sum, { gzipped }) => sum + gzipped, 0)
over ||= chatBytes > chatKb * 1000
console.log(
  `${'a chat'.padEnd(width)}${kb(chat.reduce((sum, { minified }) => sum + minified, 0))}${kb(chatBytes)}${kb(chatKb * 1000)}`,
)
if (over) {
  console.error(
    'The library has outgrown its budget: find what came in, or raise the budget in scripts/size-budgets.ts.',
  )
  process.exitCode = 1
}
