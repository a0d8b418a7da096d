import { button, element } from '../element'
import { type AdviceAction, advise, type Circumstances } from '../errors/advice'
import { errorCard } from '../errors/error-card'
import { formatBytes, formatSeconds } from '../quantities'
import { loadFigures, loadShare, phaseWords } from './load-words'
import { type ModelChoice, modelTitle } from './model-choice'
import type { ModelState } from './model-session'

export interface ModelCardHooks {
  readonly onLoad: (choice: ModelChoice) => void
  readonly onCancel: () => void
  readonly onPickFile: () => void
  readonly onSettings: () => void
  readonly act: (action: AdviceAction) => void
  readonly circumstances: (remedy: string) => Circumstances
}

/** What stands in the conversation's place while there is no model: what it is, its loading, or why it failed. */
export class ModelCard {
  readonly #card: HTMLElement
  readonly #hooks: ModelCardHooks
  #shown: ModelState | null = null
  #showProgress: (state: Loading) => void = () => {}

  constructor(card: HTMLElement, hooks: ModelCardHooks) {
    this.#card = card
    this.#hooks = hooks
  }

  show(state: ModelState): void {
    const before = this.#shown
    this.#shown = state
    if (state.kind === 'loading' && before?.kind === 'loading' && before.choice === state.choice) {
      this.#showProgress(state)
      return
    }
    const hadFocus = this.#card.contains(document.activeElement)
    this.#card.hidden = state.kind === 'ready'
    this.#card.replaceChildren(...this.#content(state))
    if (hadFocus) this.#card.querySelector<HTMLElement>('button')?.focus()
  }

  #content(state: ModelState): HTMLElement[] {
    if (state.kind === 'absent') return this.#welcome(state)
    if (state.kind === 'loading') return this.#loading(state)
    if (state.kind === 'ready') return []
    const { act, circumstances } = this.#hooks
    return [errorCard(state.error, advise(state.error.code, circumstances(state.error.remedy)), act)]
  }

  #welcome({ choice, note }: Extract<ModelState, { kind: 'absent' }>): HTMLElement[] {
    const { onLoad, onPickFile, onSettings } = this.#hooks
    const facts = [
      ['Model', modelTitle(choice)],
      ['Size', choice.bytes === null ? 'shown once its file has been read' : downloadSize(choice)],
      ['Licence', choice.license ?? 'as its publisher says'],
    ] as const
    return [
      element('h2', {}, 'A language model in this page'),
      element('p', { class: 'lead' }, 'Runs on your device. What you type never leaves it.'),
      element('dl', { class: 'facts' }, ...facts.map(([name, value]) => fact(name, value))),
      ...[note, meteredNote(choice)]
        .filter((each) => each !== null)
        .map((each) => element('p', { class: 'note' }, each)),
      element(
        'div',
        { class: 'buttons' },
        button('Load model', () => onLoad(choice), { class: 'primary' }),
        button('Open a .gguf file', onPickFile, { class: 'quiet' }),
        button('Another model', onSettings, { class: 'quiet' }),
      ),
    ]
  }

  #loading(first: Loading): HTMLElement[] {
    const words = element('p', { class: 'phase', role: 'status' })
    const figures = element('p', { class: 'figures' })
    const bar = element('progress', { max: 1, 'aria-label': 'Loading the model' })
    this.#showProgress = ({ progress }) => {
      const phase = phaseWords(progress)
      // A live region is read again at every change, so it is changed only when its words do.
      if (words.textContent !== phase) words.textContent = phase
      figures.textContent = loadFigures(progress)
      bar.value = loadShare(progress)
    }
    this.#showProgress(first)
    return [
      element('h2', {}, modelTitle(first.choice)),
      element('p', { class: 'lead' }, loadingLead(first)),
      bar,
      words,
      figures,
      element('div', { class: 'buttons' }, button('Cancel', this.#hooks.onCancel)),
    ]
  }
}

type Loading = Extract<ModelState, { kind: 'loading' }>

function loadingLead({ fromDevice, expectedSeconds }: Loading): string {
  if (!fromDevice) return 'This happens once. The next visit loads from this device.'
  if (expectedSeconds === null) return 'Ready in a moment, from this device.'
  return `Ready in about ${formatSeconds(expectedSeconds)}, from this device.`
}

function downloadSize({ model, bytes }: ModelChoice): string {
  return typeof model === 'string' ? `${formatBytes(bytes!)}, downloaded once` : formatBytes(bytes!)
}

/** Said before a download over a connection that the person pays for or wants to spare. */
function meteredNote({ model, bytes }: ModelChoice): string | null {
  const { connection } = navigator as Navigator & {
    readonly connection?: { readonly saveData?: boolean; readonly type?: string }
  }
  if (typeof model !== 'string' || !(connection?.saveData || connection?.type === 'cellular')) return null
  const size = bytes === null ? 'the model' : formatBytes(bytes)
  return `This connection is metered or saves data. Loading downloads ${size}.`
}

function fact(name: string, value: string): HTMLElement {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value))
}
