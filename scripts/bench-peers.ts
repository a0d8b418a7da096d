import { writeFile } from 'node:fs/promises'
import { cpus, loadavg } from 'node:os'
import { BrowserPeer, type PeerPage } from '../bench/peers/browser-peer.ts'
import { type PeerModel, peerModel } from '../bench/peers/models.ts'
import { NativePeer } from '../bench/peers/native-peer.ts'
import { type BenchAdapter, peerBenchOptions } from '../bench/peers/options.ts'
import { installPeers, packagesFolder, peerVersion } from '../bench/peers/packages.ts'
import type { PageRuntime } from '../bench/peers/page/page.ts'
import { type OpenPeer, type PeerName, peerFacts } from '../bench/peers/peer.ts'
import { measureInTurn, type PeerFigures } from '../bench/peers/rounds.ts'
import { contextTokens, shapes, words } from '../bench/peers/shapes.ts'
import { startSite } from '../bench/peers/site.ts'
import { markdown, medianTable, memoryTable, ratioTable } from '../bench/peers/table.ts'
import { commit } from '../bench/report.ts'
import { chromiumOptions } from '../test/support/browser.ts'
import { built, library } from './built.ts'
import { lavapipeVariables } from './lavapipe.ts'

/**
 * npm run bench:peers -- [--adapter lavapipe|swiftshader|default] [--peers octavo,ort,transformers,wllama,llama.cpp]
 *                        [--precision exact,fast] [--model 135m|tiny] [--rounds 3] [--starts 2] [--prefill 128,512]
 *                        [--decode 64] [--threads 1] [--json FILE]
 *
 * Runs Octavo, as it is built for users, and other runtimes of language models side by side: one browser, one adapter, one
 * shape of model, prompts of the same ids. Prints medians, and ratios to the first peer that is named.
 */
const options = peerBenchOptions(process.argv.slice(2))
const launch = launchOptions(options.adapter)
await installPeers()
const folder = await built(library)
const model = await peerModel(options.model, {
  onnx: options.peers.some((name) => peerFacts[name].reads === 'onnx'),
})
const { server, origin } = await startSite({
  '/library/': folder,
  '/packages/': packagesFolder,
  '/models/gguf/model.gguf': model.gguf,
  '/models/onnx/': model.onnx,
})
const began = new Date()
const [loadBefore] = loadavg()
try {
  await compare()
} finally {
  await server.close()
}

function launchOptions(adapter: BenchAdapter) {
  // Where the shell has lavapipe's variables, it is set up.
  if (adapter === 'lavapipe' && process.env.OCTAVO_ADAPTER !== 'lavapipe')
    Object.assign(process.env, lavapipeVariables())
  return chromiumOptions(adapter)
}

async function compare(): Promise<void> {
  const page = peerPage()
  const adapter = await adapterOf(page)
  const peers = new Map<string, OpenPeer>()
  const leftOut: string[] = []
  for (const name of options.peers) {
    const { needs, runsOn, title } = peerFacts[name]
    if (needs && !adapter.features.includes(needs)) {
      leftOut.push(`${title} is left out: without ${needs}, which this adapter lacks, it runs on the CPU.`)
    } else peers.set(name, opener(name, runsOn, page, model))
  }
  if (peers.size === 0) throw new Error(leftOut.join(' '))
  const { prefills, rounds, starts, decode } = options
  const plan = { rounds, starts, prefills, decode, startPrompt: 128, vocab: shapes[options.model].vocab }
  const figures = await measureInTurn(peers, plan, (line) => {
    console.log(`${new Date().toISOString().slice(11, 19)}  load ${loadavg()[0]!.toFixed(2)}  ${line}`)
  })
  await report(figures, adapter, leftOut)
}

function peerPage(): PeerPage {
  const { layers, kvHeads, headDim } = shapes[options.model]
  const urls = {
    library: `${origin}/library/index.js`,
    packages: `${origin}/packages/`,
    gguf: `${origin}/models/gguf/model.gguf`,
    onnx: `${origin}/models/onnx/`,
  }
  const setting = { urls, layers, kvHeads, headDim, words: words[options.model], contextTokens }
  return { launch, pageUrl: `${origin}/`, options: setting }
}

async function adapterOf(page: PeerPage) {
  const peer = await BrowserPeer.open('octavo', page)
  try {
    const adapter = await peer.adapter()
    if (!adapter) throw new Error('this browser finds no GPU: there is nothing to compare')
    return adapter
  } finally {
    await peer.close()
  }
}

function opener(name: PeerName, runsOn: 'webgpu' | 'cpu', page: PeerPage, { gguf }: PeerModel): OpenPeer {
  const { threads } = options
  if (runsOn === 'cpu') return async () => new NativePeer({ file: gguf, contextTokens, threads })
  return () => BrowserPeer.open(name as PageRuntime, page)
}

async function report(
  figures: readonly PeerFigures[],
  adapter: Awaited<ReturnType<typeof adapterOf>>,
  leftOut: readonly string[],
): Promise<void> {
  const names = figures.map(({ name }) => name as PeerName)
  const versions = new Map(
    await Promise.all(names.map(async (name) => [name, await peerVersion(name)] as const)),
  )
  const minutes = (Date.now() - began.getTime()) / 60_000
  const { name, browser } = adapter
  console.log(`
${began.toISOString().slice(0, 10)}, commit ${commit().slice(0, 10)}, ${options.adapter} (${name}), ${browser}, ${cpus().length} CPUs
${options.model}, medians of ${options.rounds} rounds (of ${options.starts} starts), ${minutes.toFixed(0)} minutes, load before ${loadBefore!.toFixed(2)}

Tokens per second; a start goes from nothing to the first token of a prompt of 128:

${markdown(medianTable(figures, versions))}

${markdown(ratioTable(figures))}

Megabytes at the end:

${markdown(memoryTable(figures))}
`)
  const failures = figures.flatMap(({ name: peer, failure }) =>
    failure === null ? [] : [`${peer} failed: ${failure}`],
  )
  for (const line of [...leftOut, ...failures]) console.log(line)
  if (options.json) await writeFile(options.json, asJson(figures, adapter, leftOut, versions))
  if (failures.length > 0) process.exitCode = 1
}

function asJson(
  figures: readonly PeerFigures[],
  adapter: Awaited<ReturnType<typeof adapterOf>>,
  leftOut: readonly string[],
  versions: ReadonlyMap<string, string>,
): string {
  const peers = figures.map((each) => ({
    ...each,
    version: versions.get(each.name),
    lengths: Object.fromEntries(each.lengths),
  }))
  const all = { date: began.toISOString(), commit: commit(), loadBefore, options, adapter, leftOut, peers }
  return `${JSON.stringify(all, null, 2)}\n`
}
