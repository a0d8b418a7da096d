import { parseArgs } from 'node:util'
import type { Page } from 'playwright'
import { withBenchPage } from '../bench/in-browser.ts'
import { nodeGpu, nodeName } from '../bench/in-node.ts'
import { lavapipeVariables } from './lavapipe.ts'

/** How one benchmark is called in either place. */
interface Places<T> {
  readonly inPage: (page: Page, modelUrl: string) => Promise<T>
  readonly inNode: (gpu: GPU) => Promise<T>
}

type Flags = Readonly<Record<string, string>>

/**
 * What a benchmark of the engine was asked for: its own options, all with a default, beside `--lavapipe`, `--node` and
 * `--json FILE`, which all have.
 */
export class BenchSetting<Own extends Flags> {
  readonly json: string | undefined
  readonly #node: boolean
  readonly #own: Own

  constructor(defaults: Own) {
    const own = Object.fromEntries(
      Object.entries(defaults).map(([name, value]) => [name, { type: 'string' as const, default: value }]),
    )
    const { values } = parseArgs({
      options: {
        lavapipe: { type: 'boolean', default: false },
        node: { type: 'boolean', default: false },
        json: { type: 'string' },
        ...own,
      },
    })
    const { lavapipe, node, json, ...rest } = values
    if (lavapipe) Object.assign(process.env, lavapipeVariables(), { OCTAVO_ADAPTER: 'lavapipe' })
    this.json = json as string | undefined
    this.#node = node === true
    this.#own = rest as unknown as Own
  }

  text(name: keyof Own & string): string {
    return this.#own[name]!
  }

  count(name: keyof Own & string): number {
    return whole(name, this.text(name))
  }

  counts(name: keyof Own & string): number[] {
    return this.text(name)
      .split(',')
      .map((part) => whole(name, part))
  }

  /** Runs the benchmark in Chromium or, with `--node`, in this process on its own GPU. */
  run<T>({ inPage, inNode }: Places<T>): Promise<{ readonly browser: string; readonly figures: T }> {
    if (!this.#node) {
      return withBenchPage(async ({ page, browser, modelUrl }) => ({
        browser,
        figures: await inPage(page, modelUrl),
      }))
    }
    const gpu = nodeGpu(process.env.VK_ICD_FILENAMES ?? null)
    return inNode(gpu).then((figures) => ({ browser: nodeName(), figures }))
  }
}

function whole(name: string, text: string): number {
  const value = Number(text)
  if (!Number.isInteger(value) || value < 1)
    throw new Error(`--${name} has '${text}', not a whole number above 0`)
  return value
}
