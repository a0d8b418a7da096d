import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { playwright } from '@vitest/browser-playwright'
import type { BrowserProvider, BrowserProviderOption } from 'vitest/node'

const names = ['firefox', 'firefox-esr', 'firefox-nightly']
const places = [
  '/Applications/Firefox.app/Contents/MacOS/firefox',
  '/Applications/Firefox Nightly.app/Contents/MacOS/firefox',
  'C:\\Program Files\\Mozilla Firefox\\firefox.exe',
]

/** Mesa's own description of lavapipe. The one that Chromium needs, which names another device, is in VK_ICD_FILENAMES. */
const mesaDriver = '/usr/share/vulkan/icd.d/lvp_icd.json'

const preferences: Readonly<Record<string, boolean | number | string>> = {
  'dom.webgpu.enabled': true,
  'dom.webgpu.workers.enabled': true,
  'gfx.webgpu.ignore-blocklist': true,
  // A test may compute for minutes, and nobody is there to be asked whether it shall go on.
  'dom.max_script_run_time': 0,
  // No pages but the test's, and no talk with Mozilla's servers.
  'app.normandy.enabled': false,
  'app.update.auto': false,
  'browser.aboutwelcome.enabled': false,
  'browser.shell.checkDefaultBrowser': false,
  'browser.startup.homepage_override.mstone': 'ignore',
  'datareporting.policy.dataSubmissionEnabled': false,
  'network.captive-portal-service.enabled': false,
  'network.connectivity-service.enabled': false,
  'services.settings.server': '',
  'toolkit.telemetry.reportingpolicy.firstRun': false,
}

/** The Firefox of FIREFOX_PATH, or the system's. */
export function firefoxPath(): string {
  const named = process.env.FIREFOX_PATH
  if (named) return named
  const folders = (process.env.PATH ?? '').split(delimiter)
  const candidates = [...names.flatMap((name) => folders.map((folder) => join(folder, name))), ...places]
  const found = candidates.find((path) => existsSync(path))
  if (found) return found
  throw new Error(
    'There is no Firefox on this machine. Install it (Debian: apt-get install firefox-esr), or set FIREFOX_PATH to its executable.',
  )
}

/** Firefox at a page, with a profile of its own that is gone when it ends. */
function startFirefox(url: string): { close(): Promise<void> } {
  const home = mkdtempSync(join(tmpdir(), 'octavo-firefox-'))
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});`,
  )
  writeFileSync(join(home, 'user.js'), `${lines.join('\n')}\n`)
  const env: NodeJS.ProcessEnv = { ...process.env }
  // As root in another's home Firefox does not start.
  if (process.platform === 'linux') env.HOME = home
  if (process.env.OCTAVO_ADAPTER === 'lavapipe') env.VK_ICD_FILENAMES = mesaDriver
  const args = ['--headless', '--no-remote', '--profile', home, url]
  const child = spawn(firefoxPath(), args, { env, stdio: 'ignore' })
  const ended = new Promise<void>((resolve) => {
    child.once('exit', () => resolve())
  })
  // Of a test run that is ended it would be left over.
  process.once('exit', () => child.kill())
  const close = async () => {
    child.kill()
    await ended
    rmSync(home, { recursive: true, force: true, maxRetries: 5 })
  }
  return { close }
}

/**
 * Firefox for vitest's browser mode. The test page needs nothing of its driver but to be opened, which is as well:
 * Playwright drives only its own build of Firefox.
 */
export function firefox(): BrowserProviderOption {
  return {
    ...playwright(),
    name: 'firefox',
    supportedBrowser: ['firefox'],
    providerFactory: (): BrowserProvider => {
      const started: ReturnType<typeof startFirefox>[] = []
      return {
        name: 'firefox',
        supportsParallelism: false,
        getCommandsContext: () => ({}),
        openPage: async (_session, url) => {
          started.push(startFirefox(url))
        },
        close: async () => {
          await Promise.all(started.map((each) => each.close()))
        },
      }
    },
  }
}
