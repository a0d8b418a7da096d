import { existsSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../../scripts/command.ts'
import { type PeerName, peerFacts } from './peer.ts'

const bench = join(import.meta.dirname, '..')
/** Where the peers' packages are, and nothing else of the project. */
export const packagesFolder = join(bench, 'node_modules')

/** llama.cpp's programs for this machine; the package of its binding fetches them from elsewhere otherwise. */
const programs: Readonly<Record<string, string>> = {
  'linux-x64': 'linux-x64',
  'linux-arm64': 'linux-arm64',
  'darwin-arm64': 'mac-arm64-metal',
  'darwin-x64': 'mac-x64',
  'win32-x64': 'win-x64',
  'win32-arm64': 'win-arm64',
}

/** Installs the peers below bench/ where they are not there yet, with no script of any package run. */
export async function installPeers(): Promise<void> {
  const machine = programs[`${process.platform}-${process.arch}`]
  const program = machine && `@node-llama-cpp/${machine}`
  const wanted = ['onnxruntime-web', '@huggingface/transformers', '@wllama/wllama', 'node-llama-cpp']
  if (program) wanted.push(program)
  if (wanted.every((name) => existsSync(join(packagesFolder, name, 'package.json')))) return
  console.log('Installing the peers in bench/node_modules (about 420 MB, once)')
  const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm'
  const install = (...args: string[]) => run(npm, ['--prefix', bench, 'install', ...args])
  await install()
  if (program) await install('--no-save', `${program}@${(await versionOf('node-llama-cpp'))!}`)
}

/** The version of a peer's package; that of this project for Octavo. */
export async function peerVersion(name: PeerName): Promise<string> {
  const { package: packageName } = peerFacts[name]
  return (packageName === null ? await versionIn(join(bench, '..')) : await versionOf(packageName)) ?? '?'
}

function versionOf(packageName: string): Promise<string | null> {
  return versionIn(join(packagesFolder, packageName))
}

async function versionIn(folder: string): Promise<string | null> {
  const text = await readFile(join(folder, 'package.json'), 'utf8').catch(() => null)
  return text && (JSON.parse(text) as { version: string }).version
}
