import { button, element, iconButton } from '../element'
import { type AdviceAction, advise, type Circumstances, losesEngine } from '../errors/advice'
import { errorCard } from '../errors/error-card'
import { MarkdownView } from '../markdown/markdown-view'
import { formatCount } from '../quantities'
import type { Running } from './chat'
import type { AnswerEnd, Turn } from './conversation'

/** What a person can do with a turn. */
export interface TurnActions {
  readonly copy: (text: string) => void
  readonly edit: (turn: Turn) => void
  readonly regenerate: () => void
  readonly continue: () => void
  readonly newChat: () => void
  readonly act: (action: AdviceAction) => void
  readonly circumstances: (remedy: string) => Circumstances
}

/** What of a turn depends on the others. */
export interface TurnContext {
  readonly last: boolean
  readonly running: Running | null
  /** Whether the model can answer now. */
  readonly canAnswer: boolean
}

/** One turn of the conversation: a quiet block of the person's, or the model's text over the full width. */
export class TurnView {
  readonly element: HTMLElement
  readonly #turn: Turn
  readonly #actions: TurnActions
  readonly #markdown: MarkdownView | null
  readonly #foot = element('div', { class: 'foot' })
  readonly #buttons = element('div', { class: 'actions' })
  #footKey = ''

  constructor(turn: Turn, actions: TurnActions) {
    this.#turn = turn
    this.#actions = actions
    this.#markdown = turn.role === 'assistant' ? new MarkdownView() : null
    const body = this.#markdown?.element ?? element('p', { class: 'said', dir: 'auto' }, turn.text)
    const label = turn.role === 'user' ? 'You' : 'Answer'
    this.element = element(
      'article',
      { class: `turn ${turn.role}`, 'aria-label': label },
      body,
      this.#foot,
      this.#buttons,
    )
  }

  update(context: TurnContext): void {
    const turn = this.#turn
    const { running } = context
    // An answer that was cut off may end within a mark: it stays closed as it was while it grew.
    if (turn.role === 'assistant') this.#markdown!.show(turn.text, turn.end?.kind === 'done')
    this.element.toggleAttribute('aria-busy', running !== null)
    const key = JSON.stringify([
      turn.role === 'assistant' ? turn.end : null,
      context.last,
      context.canAnswer,
      running && [running.prefillShare, turn.text === ''],
    ])
    if (key === this.#footKey) return
    this.#footKey = key
    this.#foot.replaceChildren(...this.#footOf(context))
    this.#buttons.replaceChildren(...(running ? [] : this.#buttonsOf(context)))
  }

  #footOf({ last, running, canAnswer }: TurnContext): HTMLElement[] {
    const turn = this.#turn
    if (turn.role === 'user') return []
    if (running) return turn.text === '' ? [thinking(running.prefillShare)] : []
    if (turn.end?.kind === 'error' && !losesEngine(turn.end.code)) {
      const advice = advise(turn.end.code, this.#actions.circumstances(turn.end.remedy))
      return [errorCard(turn.end, last ? advice : { ...advice, action: null }, this.#actions.act)]
    }
    const note = turn.end && endNote(turn.end)
    if (!note) return []
    const { kind } = turn.end!
    const next =
      last && kind === 'context'
        ? button('New chat', this.#actions.newChat, { class: 'quiet' })
        : last && canAnswer
          ? button('Continue', this.#actions.continue, { class: 'quiet' })
          : null
    return [element('p', { class: 'note' }, `${note} `, next)]
  }

  #buttonsOf({ last, canAnswer }: TurnContext): HTMLElement[] {
    const turn = this.#turn
    const { copy, edit, regenerate } = this.#actions
    const made = turn.text === '' ? [] : [iconButton('Copy', 'copy', () => copy(turn.text))]
    if (turn.role === 'user') made.push(iconButton('Edit', 'edit', () => edit(turn)))
    else if (last && canAnswer) made.push(iconButton('Regenerate', 'again', regenerate))
    return made
  }
}

/** A still caret and, where it takes long, the share of the prompt that has been read. */
function thinking(share: number | null): HTMLElement {
  const words =
    share === null ? 'Thinking' : `Reading the conversation: ${formatCount(Math.round(share * 100))} %`
  return element(
    'p',
    { class: 'thinking' },
    element('span', { class: 'caret', 'aria-hidden': 'true' }),
    element('span', share === null ? { class: 'spoken' } : {}, words),
  )
}

function endNote({ kind }: AnswerEnd): string | null {
  if (kind === 'stopped') return 'Stopped.'
  if (kind === 'error') return 'Stopped: the model was lost.'
  if (kind === 'length') return 'Cut at the length that the settings allow.'
  return kind === 'context' ? 'The conversation has filled what the model can read.' : null
}
