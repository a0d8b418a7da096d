import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type LaunchOptions } from 'playwright'

/** Software adapters that the tests run on. */
export type Adapter = 'swiftshader' | 'lavapipe'

export function testAdapter(): Adapter {
  const name = process.env.OCTAVO_ADAPTER ?? 'swiftshader'
  if (name !== 'swiftshader' && name !== 'lavapipe') {
    throw new Error(`OCTAVO_ADAPTER is '${name}'; it must be swiftshader or lavapipe`)
  }
  return name
}

const quiet = [
  '--no-sandbox',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--enable-unsafe-webgpu',
]

const systemNames = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']
const macPaths = [
  '/Applications/Chromium.app/Contents/MacOS/Chromium',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
]

/** Where a Chromium may be, best first: CHROMIUM_PATH and nothing else, or the system's, then Playwright's own. */
export function chromiumCandidates(): string[] {
  if (process.env.CHROMIUM_PATH) return [process.env.CHROMIUM_PATH]
  const folders = (process.env.PATH ?? '').split(delimiter)
  const system = systemNames.flatMap((name) => folders.map((folder) => join(folder, name)))
  return [...system, ...macPaths, chromium.executablePath()].filter((path) => path !== '' && existsSync(path))
}

/**
 * How Playwright starts Chromium with WebGPU on a software adapter, or on what it finds; for lavapipe,
 * scripts/lavapipe/setup.sh sets the rest.
 */
export function chromiumOptions(adapter: Adapter | 'default' = testAdapter()): LaunchOptions {
  const executablePath = chromiumCandidates()[0]
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(process.env)) if (value !== undefined) env[name] = value
  if (adapter === 'default') return { executablePath, headless: true, env, args: quiet }
  if (adapter === 'swiftshader') {
    delete env.VK_ICD_FILENAMES
    return { executablePath, headless: true, env, args: [...quiet, '--use-webgpu-adapter=swiftshader'] }
  }
  const flags = process.env.CHROMIUM_FLAGS
  if (!flags || !process.env.VK_ICD_FILENAMES) {
    throw new Error('for lavapipe, first: eval "$(scripts/lavapipe/setup.sh)"')
  }
  return { executablePath, headless: true, env, args: [...new Set([...quiet, ...flags.split(' ')])] }
}
