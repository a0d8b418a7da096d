import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BrowserContext, chromium, type LaunchOptions, type Page } from 'playwright'
import { processBytes } from '../process-memory.ts'
import type { PageRuntime } from './page/page.ts'
import type { Answer, StartOptions } from './page/runtime.ts'
import type { PeerMemory, RunningPeer } from './peer.ts'

/** Milliseconds that one answer may take: on a software adapter, minutes. */
const patienceMs = 900_000

export interface PeerPage {
  readonly launch: LaunchOptions
  readonly pageUrl: string
  readonly options: StartOptions
}

export interface AdapterFacts {
  readonly name: string
  readonly features: readonly string[]
  /** Name and version of the browser. */
  readonly browser: string
}

/** A runtime in a page of Chromium, which has a profile of its own and a cache of compiled shaders, new and empty. */
export class BrowserPeer implements RunningPeer {
  #page: Page | null = null
  /** Of the profile with an empty page. */
  #emptyBytes = { renderer: 0, gpu: 0 }

  private constructor(
    readonly runtime: PageRuntime,
    readonly setting: PeerPage,
    readonly context: BrowserContext,
    readonly profile: string,
  ) {}

  static async open(runtime: PageRuntime, setting: PeerPage): Promise<BrowserPeer> {
    const profile = await mkdtemp(join(tmpdir(), 'octavo-peer-'))
    // Otherwise a start has what Mesa compiled for another peer, or at another time.
    const env = { ...setting.launch.env, MESA_SHADER_CACHE_DIR: join(profile, 'mesa') }
    const context = await chromium.launchPersistentContext(profile, { ...setting.launch, env })
    const peer = new BrowserPeer(runtime, setting, context, profile)
    await peer.#open()
    peer.#emptyBytes = await peer.#processBytes()
    return peer
  }

  async start(prompt: readonly number[]): Promise<number> {
    const page = await this.#open()
    const { options } = this.setting
    return this.#orCrash(
      page.evaluate(([runtime, all, ids]) => window.peer!.start(runtime, all, ids), [
        this.runtime,
        options,
        prompt,
      ] as const),
    )
  }

  generate(prompt: readonly number[], tokens: number): Promise<Answer> {
    return this.#orCrash(
      this.#page!.evaluate(([ids, count]) => window.peer!.generate(ids, count), [prompt, tokens] as const),
    )
  }

  async memory(): Promise<PeerMemory> {
    const session = await this.context.newCDPSession(this.#page!)
    await session.send('HeapProfiler.collectGarbage')
    const { usedSize } = await session.send('Runtime.getHeapUsage')
    await session.detach()
    const { renderer, gpu } = await this.#processBytes()
    const isKnown = process.platform === 'linux'
    return {
      heapBytes: usedSize,
      processBytes: isKnown ? renderer - this.#emptyBytes.renderer : null,
      gpuProcessBytes: isKnown ? gpu - this.#emptyBytes.gpu : null,
      gpuBytes: await this.#page!.evaluate(() => window.peer!.gpuBytes()),
    }
  }

  async adapter(): Promise<AdapterFacts | null> {
    const facts = await this.#page!.evaluate(() => window.peer!.adapter())
    return facts && { ...facts, browser: `Chromium ${this.context.browser()!.version()}` }
  }

  async close(): Promise<void> {
    await this.context.close()
    await rm(this.profile, { recursive: true, force: true, maxRetries: 5 })
  }

  /** A new page, and no other. */
  async #open(): Promise<Page> {
    const [...before] = this.context.pages()
    const page = await this.context.newPage()
    for (const other of before) await other.close()
    page.setDefaultTimeout(patienceMs)
    await page.goto(this.setting.pageUrl)
    await page.waitForFunction(() => window.peer !== undefined)
    this.#page = page
    return page
  }

  async #processBytes(): Promise<{ renderer: number; gpu: number }> {
    const browser = this.context.browser()!
    return { renderer: await processBytes(browser, 'renderer'), gpu: await processBytes(browser, 'GPU') }
  }

  /** What comes first: an answer, the page's end, or the end of patience. */
  async #orCrash<T>(answer: Promise<T>): Promise<T> {
    let fail: (error: Error) => void = () => {}
    const ended = new Promise<never>((_, reject) => {
      fail = reject
    })
    const crashed = () => fail(new Error('the page crashed'))
    const complained = (error: Error) => fail(error)
    const timer = setTimeout(() => fail(new Error(`no answer in ${patienceMs / 1000} s`)), patienceMs)
    this.#page!.once('crash', crashed)
    this.#page!.once('pageerror', complained)
    try {
      return await Promise.race([answer, ended])
    } finally {
      clearTimeout(timer)
      this.#page!.off('crash', crashed)
      this.#page!.off('pageerror', complained)
    }
  }
}
