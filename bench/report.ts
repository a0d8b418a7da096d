import { execFileSync } from 'node:child_process'
import { writeFile } from 'node:fs/promises'

export type Figures = Readonly<Record<string, unknown>>

/** Where and of what the figures were taken. */
export interface Origin {
  readonly adapter: string
  readonly browser: string
}

/** Prints the figures as a table and, where a file is named, writes them there with adapter, browser and commit. */
export async function report(origin: Origin, figures: Figures, jsonFile: string | undefined): Promise<void> {
  const { adapter, browser } = origin
  const all = { ...figures, adapter, browser, commit: commit() }
  const width = Math.max(...Object.keys(all).map((name) => name.length))
  for (const [name, value] of Object.entries(all)) console.log(`${name.padEnd(width)}  ${shown(name, value)}`)
  if (jsonFile) await writeFile(jsonFile, `${JSON.stringify(all, null, 2)}\n`)
}

/** Prints rows as columns with these headings and, where a file is named, writes all figures there. */
export async function reportTable(
  { browser, figures }: { readonly browser: string; readonly figures: { readonly adapter: string } },
  tables: readonly (readonly (readonly string[])[])[],
  jsonFile: string | undefined,
): Promise<void> {
  console.log(`${figures.adapter}, ${browser}, ${commit()}`)
  for (const rows of tables) {
    const widths = rows[0]!.map((_, column) => Math.max(...rows.map((row) => row[column]!.length)))
    console.log('')
    for (const row of rows) console.log(row.map((cell, column) => cell.padStart(widths[column]!)).join('   '))
  }
  const all = { ...figures, browser, commit: commit() }
  if (jsonFile) await writeFile(jsonFile, `${JSON.stringify(all, null, 2)}\n`)
}

function shown(name: string, value: unknown): string {
  if (typeof value !== 'number') return typeof value === 'string' ? value : JSON.stringify(value)
  if (/bytes/i.test(name)) return `${(value / 1e6).toFixed(2)} MB`
  return Number.isInteger(value) ? String(value) : value.toFixed(value < 100 ? 2 : 0)
}

/** The commit that is checked out. */
export function commit(): string {
  return execFileSync('git', ['rev-parse', 'HEAD'], { cwd: import.meta.dirname, encoding: 'utf8' }).trim()
}
