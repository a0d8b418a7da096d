import type { ModelInspection } from 'octavo'
import { button, element } from '../element'
import { type AdviceAction, advise, type Circumstances } from '../errors/advice'
import { errorCard } from '../errors/error-card'
import { formatBytes, formatSeconds } from '../quantities'
import { loadFigures, loadShare, phaseWords } from './load-words'
import { type ModelChoice, modelTitle } from './model-choice'
import { fittingChoice, modelFacts } from './model-facts'
import { isMetered, type ModelState } from './model-session'

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

  #welcome({ choice, note, found }: Extract<ModelState, { kind: 'absent' }>): HTMLElement[] {
    const { onLoad, onPickFile, onSettings } = this.#hooks
    const facts = modelFacts(choice, found)
    const fitting = found && fittingChoice(choice, found)
    const unfit = found?.fits === false
    return [
      element('h2', {}, 'A language model in this page'),
      element('p', { class: 'lead' }, 'Runs on your device. What you type never leaves it.'),
      element('dl', { class: 'facts' }, ...facts.map(([name, value]) => fact(name, value))),
      ...[note, meteredNote(choice)]
        .filter((each) => each !== null)
        .map((each) => element('p', { class: 'note', role: 'status' }, each)),
      ...(unfit ? [unfitNote(found, fitting)] : []),
      element(
        'div',
        { class: 'buttons' },
        fitting &&
          button(`Load ${modelTitle(fitting)} (${formatBytes(fitting.bytes!)})`, () => onLoad(fitting), {
            class: 'primary',
          }),
        button(unfit ? 'Load it all the same' : 'Load model', () => onLoad(choice), {
          class: unfit ? 'quiet' : 'primary',
        }),
        button('Open model files', onPickFile, { class: 'quiet' }),
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

/** Why the model would not run here, and what to do about it. */
function unfitNote({ reasons }: ModelInspection, fitting: ModelChoice | null): HTMLElement {
  const [reason] = reasons
  const remedy = fitting ? 'Another quantization of it can be expected to run here.' : reason!.remedy
  return element(
    'p',
    { class: 'note', role: 'status' },
    `This device cannot run it. ${reason!.message} ${remedy}`,
  )
}

/** Said before a download over a connection that the person pays for or wants to spare. */
function meteredNote({ model, bytes }: ModelChoice): string | null {
  if (typeof model !== 'string' || !isMetered()) return null
  const size = bytes === null ? 'the model' : formatBytes(bytes)
  return `This connection is metered or saves data. Loading downloads ${size}.`
}

function fact(name: string, value: string): HTMLElement {
  return element('div', {}, element('dt', {}, name), element('dd', {}, value))
}
