import type { Engine, EngineInfo, EngineStats } from 'octavo'
import type { AnswerFigures } from '../chat/answering'
import type { Readiness } from '../chat/ready-chats'
import { byId, element } from '../element'
import { formatBytes, formatCount, formatMeasured, formatParameters, formatRate } from '../quantities'
import { BlockMap } from './block-map'

const refreshMs = 250

/** The engine's figures beside the conversation, for those who want them. */
export class InsightPanel {
  readonly #panel = byId('insight', HTMLElement)
  readonly #toggle = byId('toggle-insight', HTMLButtonElement)
  readonly #blocks = new BlockMap()
  #engine: Engine | null = null
  #figures: AnswerFigures | null = null
  #timer: ReturnType<typeof setInterval> | null = null

  constructor() {
    this.#toggle.addEventListener('click', () => this.toggle())
    byId('close-insight', HTMLButtonElement).addEventListener('click', () => this.close())
    byId('block-map', HTMLElement).append(this.#blocks.element, this.#blocks.legend)
  }

  get isOpen(): boolean {
    return !this.#panel.hidden
  }

  toggle(): void {
    if (this.isOpen) {
      this.close()
      return
    }
    this.#panel.hidden = false
    this.#toggle.setAttribute('aria-expanded', 'true')
    this.#timer = setInterval(() => void this.#refresh(), refreshMs)
    void this.#refresh()
  }

  close(): void {
    if (!this.isOpen) return
    const hadFocus = this.#panel.contains(document.activeElement)
    this.#panel.hidden = true
    this.#toggle.setAttribute('aria-expanded', 'false')
    if (this.#timer !== null) clearInterval(this.#timer)
    if (hadFocus) this.#toggle.focus()
  }

  /** @param engine null while there is none. */
  setEngine(engine: Engine | null): void {
    this.#engine = engine
    this.#figures = null
    byId('engine-facts', HTMLElement).replaceChildren(...(engine ? engineFacts(engine.info) : []))
    byId('insight-empty', HTMLElement).hidden = engine !== null
    byId('insight-figures', HTMLElement).hidden = engine === null
    void this.#refresh()
  }

  setFigures(figures: AnswerFigures | null): void {
    this.#figures = figures
  }

  /** @param readiness of the open chat. */
  setReadiness(readiness: Readiness | null): void {
    const words = readiness ? readinessWords(readiness) : ''
    byId('figure-ready', HTMLElement).hidden = words === ''
    show('figure-ready', words)
  }

  async #refresh(): Promise<void> {
    const engine = this.#engine
    if (!engine || !this.isOpen) return
    const {
      firstTokenMs = null,
      tokensPerSecond = null,
      promptTokens = 0,
      answerTokens = 0,
      cachedTokens = 0,
    } = this.#figures ?? {}
    const { contextLength } = engine.info.model
    const used = promptTokens + answerTokens
    show('figure-rate', tokensPerSecond === null ? '–' : formatRate(tokensPerSecond))
    show('figure-first', firstTokenMs === null ? '–' : formatMeasured(firstTokenMs))
    const spared = cachedTokens === 0 ? '' : `, ${formatCount(cachedTokens)} of them read before`
    show('figure-context', `${formatCount(used)} of ${formatCount(contextLength)} tokens${spared}`)
    const meter = byId('context-meter', HTMLMeterElement)
    meter.max = contextLength
    meter.value = used
    try {
      const stats = await engine.stats()
      show('figure-blocks', blockWords(stats))
      this.#blocks.show(stats, engine.info.kvCache.blockSize)
    } catch {
      // The engine has just ended; the page says so elsewhere.
    }
  }
}

function show(id: string, text: string): void {
  const target = byId(id, HTMLElement)
  if (target.textContent !== text) target.textContent = text
}

function readinessWords({ restoredTokens, kept }: Readiness): string {
  if (kept && kept.tokens > 0)
    return `${formatCount(kept.tokens)} tokens kept on this device, ${formatBytes(kept.bytes)}`
  return restoredTokens === 0 ? '' : `${formatCount(restoredTokens)} tokens brought back from this device`
}

function blockWords({ blocksInUse, cachedBlocks, blocks, prefixHitTokens }: EngineStats): string {
  const counts = `${formatCount(blocksInUse)} of ${formatCount(blocks)} in use, ${formatCount(cachedBlocks)} kept for later`
  return prefixHitTokens === 0
    ? counts
    : `${counts}; ${formatCount(prefixHitTokens)} tokens not computed again so far`
}

function engineFacts({
  model,
  device,
  variants,
  kvCache,
  prefixCache,
  gpuBytes,
  peakGpuBytes,
}: EngineInfo): HTMLElement[] {
  const list = (record: Readonly<Record<string, string | number>>) =>
    Object.entries(record)
      .map(([name, value]) => `${name}: ${value}`)
      .join('; ')
  const facts: readonly (readonly [string, string])[] = [
    ['Model', model.name ?? model.reference],
    ['File', model.file],
    ['Revision', model.revision ?? '–'],
    ['Architecture', `${model.architecture}, ${formatParameters(model.parameters)} parameters`],
    ['Tensors', list(model.tensorTypes)],
    ['Size', formatBytes(model.bytes)],
    [
      'GPU',
      [device.vendor, device.architecture, device.device, device.description].filter(Boolean).join(' ') ||
        'not named',
    ],
    ['Software adapter', device.isFallbackAdapter ? 'yes' : 'no'],
    ['Features', device.features.join(', ') || 'none'],
    ['Variants', list(variants) || '–'],
    [
      'KV cache',
      `${formatCount(kvCache.maxTokens)} tokens as ${kvCache.format}, ${formatBytes(kvCache.bytes)}`,
    ],
    ['Prefix cache', prefixCache],
    ['GPU memory', `${formatBytes(gpuBytes)}, ${formatBytes(peakGpuBytes)} at the most`],
  ]
  return facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value)))
}
