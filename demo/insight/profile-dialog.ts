import { type Engine, type EngineProfile, type KernelProfile, OctavoError, type PhaseProfile } from 'octavo'
import { byId, element } from '../element'
import { formatBytes, formatCount, formatMeasured } from '../quantities'

const phaseNames = {
  prefill: 'Reading the prompt',
  decode: 'Writing the answer',
  mixed: 'Reading and writing together',
  encode: 'Reading texts',
} satisfies Record<PhaseProfile['phase'], string>

/** Times the engine's kernels and shows them as tables, one for each phase. */
export class ProfileDialog {
  readonly #dialog = byId('profile', HTMLDialogElement)
  readonly #open = byId('open-profile', HTMLButtonElement)
  readonly #run = byId('run-profile', HTMLButtonElement)
  readonly #stop = byId('stop-profile', HTMLButtonElement)
  readonly #state = byId('profile-state', HTMLElement)
  readonly #tables = byId('profile-tables', HTMLElement)
  #engine: Engine | null = null
  #running: AbortController | null = null

  constructor() {
    this.#open.addEventListener('click', () => {
      this.#dialog.showModal()
      void this.#profile()
    })
    this.#run.addEventListener('click', () => void this.#profile())
    this.#stop.addEventListener('click', () => this.#running?.abort())
    this.#dialog.addEventListener('close', () => this.#running?.abort())
    byId('close-profile', HTMLButtonElement).addEventListener('click', () => this.#dialog.close())
  }

  /** @param engine null while there is none. */
  setEngine(engine: Engine | null): void {
    this.#running?.abort()
    this.#engine = engine
    this.#clear()
    if (engine === null) this.#dialog.close()
  }

  async #profile(): Promise<void> {
    const engine = this.#engine
    if (!engine || this.#running) return
    const running = new AbortController()
    this.#show(running)
    this.#clear()
    this.#state.textContent = 'Reading 128 tokens and writing 32 …'
    try {
      const profile = await engine.profile({ signal: running.signal })
      this.#state.textContent = profile.whyNoTimes ?? clockWords(profile)
      this.#tables.replaceChildren(...profile.phases.map(phaseTable))
    } catch (error) {
      const stopped = error instanceof OctavoError && error.code === 'aborted'
      this.#state.textContent = stopped ? 'Stopped.' : String(error instanceof Error ? error.message : error)
    } finally {
      this.#show(null)
    }
  }

  /** What another model or an earlier run has shown. */
  #clear(): void {
    this.#state.textContent = ''
    this.#tables.replaceChildren()
  }

  /** The focus goes on to the button that takes the place of the one that had it. */
  #show(running: AbortController | null): void {
    const hadFocus = [this.#run, this.#stop].some((button) => button === document.activeElement)
    this.#running = running
    this.#run.hidden = running !== null
    this.#stop.hidden = running === null
    if (hadFocus) (running ? this.#stop : this.#run).focus()
  }
}

function clockWords({ clockNs }: EngineProfile): string {
  if (clockNs === null) return 'Nothing ran.'
  if (clockNs < 10_000) return 'Done.'
  const ticks = (clockNs / 1e6).toFixed(2)
  return `Done. This browser shows the GPU’s clock in steps of ${ticks} ms: what is too short for it has no time.`
}

/**
 * An answer's numbers are of one step. Into how many steps a prompt is cut depends on how fast they were just before, and
 * only the last one draws: its numbers are of all of them.
 */
function phaseTable({ phase, steps, tokens, wallMs, kernels }: PhaseProfile): HTMLElement {
  const shared = phase === 'decode' ? steps : 1
  const times = [
    `${formatCount(tokens)} ${tokens === 1 ? 'token' : 'tokens'} in ${formatCount(steps)} ${steps === 1 ? 'step' : 'steps'}`,
    `${formatMeasured(wallMs / shared)} ${phase === 'decode' ? 'a step' : 'in all'}`,
  ]
  const name = phaseNames[phase]
  const heads = ['Kernel', 'Time', 'Share', 'Calls', 'Bytes', 'GB/s']
  return element(
    'section',
    {},
    element('h3', {}, name),
    element('p', { class: 'note' }, times.join(', ')),
    // Wider than a phone: it scrolls, by keyboard too.
    element(
      'div',
      { class: 'wide', role: 'region', 'aria-label': `${name}: kernels`, tabindex: 0 },
      element(
        'table',
        {},
        element(
          'thead',
          {},
          element('tr', {}, ...heads.map((head) => element('th', { scope: 'col' }, head))),
        ),
        element('tbody', {}, ...kernels.map((kernel) => kernelRow(kernel, shared))),
      ),
    ),
  )
}

/** @param steps that the numbers are shared among. */
function kernelRow(row: KernelProfile, steps: number): HTMLElement {
  const { kernel, variant, calls, bytes, ms, gbPerSecond, share } = row
  const cells = [
    Number((calls / steps).toFixed(1)).toString(),
    formatBytes(Math.round(bytes / steps)),
    gbPerSecond === null ? '–' : gbPerSecond.toFixed(gbPerSecond < 10 ? 2 : 0),
  ]
  const shareCell =
    share === null
      ? element('td', {}, '–')
      : element(
          'td',
          {},
          `${(100 * share).toFixed(1)} %`,
          element('meter', { min: 0, max: 1, value: share, 'aria-hidden': 'true' }),
        )
  return element(
    'tr',
    {},
    element(
      'th',
      { scope: 'row' },
      kernel,
      variant === '' ? null : element('span', { class: 'effect' }, ` ${variant}`),
    ),
    element('td', {}, ms === null ? '–' : `${(ms / steps).toFixed(ms / steps < 10 ? 2 : 0)} ms`),
    shareCell,
    ...cells.map((cell) => element('td', {}, cell)),
  )
}
