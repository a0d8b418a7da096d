import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { chromiumCandidates } from '../test/support/browser.ts'
import { findProgram, run } from './command.ts'

const downloadHost = 'https://cdn.playwright.dev/'
const probeMs = 8000

/**
 * The path of a Chromium that starts: the one on this machine, else one that is installed now.
 *
 * Playwright's download comes first, since it needs no rights; Debian's package where that fails and apt is there.
 */
export async function ensureChromium(): Promise<string> {
  const found = chromiumCandidates().find(starts)
  if (found) return found
  if (process.env.CHROMIUM_PATH) {
    throw new Error(
      `CHROMIUM_PATH is ${process.env.CHROMIUM_PATH}, which does not start. Correct it or unset it.`,
    )
  }
  const failures: string[] = []
  for (const install of [installWithPlaywright, installWithApt]) {
    try {
      await install()
    } catch (error) {
      failures.push((error as Error).message)
      continue
    }
    const installed = chromiumCandidates().find(starts)
    if (installed) return installed
    failures.push('It was installed but does not start.')
  }
  throw new Error(
    `There is no Chromium that starts, and none could be installed.\n\n${failures.join('\n\n')}\n\n` +
      'Install Chromium or Chrome and set CHROMIUM_PATH to its executable.',
  )
}

function starts(path: string): boolean {
  return spawnSync(path, ['--version'], { timeout: 30_000 }).status === 0
}

async function installWithPlaywright(): Promise<void> {
  try {
    await fetch(downloadHost, { method: 'HEAD', signal: AbortSignal.timeout(probeMs) })
  } catch {
    throw new Error(`Playwright's download: ${downloadHost} cannot be reached.`)
  }
  console.log('Installing Chromium with Playwright (about 180 MB, once)')
  const packageFile = createRequire(import.meta.url).resolve('playwright/package.json')
  const cli = join(dirname(packageFile), 'cli.js')
  const env = { ...process.env, PLAYWRIGHT_DOWNLOAD_CONNECTION_TIMEOUT: '20000' }
  await run(process.execPath, [cli, 'install', '--no-shell', 'chromium'], {
    env,
    timeoutMs: 900_000,
    output: 'show',
  })
  const installed = chromiumCandidates().find(starts)
  if (installed || process.platform !== 'linux' || !mayInstall()) return
  console.log('Installing the libraries that Chromium needs')
  await run(process.execPath, [cli, 'install-deps', 'chromium'], { timeoutMs: 900_000 })
}

async function installWithApt(): Promise<void> {
  if (!findProgram('apt-get')) throw new Error("Debian's package: there is no apt-get here.")
  if (!mayInstall()) throw new Error("Debian's package: apt-get needs root, or sudo without a password.")
  console.log("Installing Debian's Chromium with apt-get (about 400 MB on disk, once)")
  const asRoot = process.getuid?.() === 0 ? [] : ['sudo', '-n']
  const apt = (...args: string[]) => {
    const lock = ['-q', '-o', 'DPkg::Lock::Timeout=300']
    const [program, ...rest] = [
      ...asRoot,
      'env',
      'DEBIAN_FRONTEND=noninteractive',
      'apt-get',
      ...lock,
      ...args,
    ]
    return run(program!, rest, { timeoutMs: 900_000 })
  }
  try {
    await apt('update')
    await apt('install', '-y', '--no-install-recommends', 'chromium')
  } catch (error) {
    throw new Error(`Debian's package: ${(error as Error).message}`)
  }
}

/** Root, or sudo that asks for no password. */
function mayInstall(): boolean {
  return process.getuid?.() === 0 || spawnSync('sudo', ['-n', 'true']).status === 0
}
