import type { Chat } from './chat'
import { type TurnActions, TurnView } from './turn-view'

/** How near to the bottom counts as being there, in CSS pixels. */
const nearBottom = 60

export interface ConversationElements {
  /** What scrolls. */
  readonly scroll: HTMLElement
  readonly turns: HTMLElement
  readonly toLatest: HTMLButtonElement
}

/** The open conversation. It follows a growing answer only while the reader is at its end. */
export class ConversationView {
  readonly #elements: ConversationElements
  readonly #chat: Chat
  readonly #actions: TurnActions & { readonly canAnswer: () => boolean }
  readonly #views = new Map<string, TurnView>()
  #following = true
  /** Where the reader was last, to know which way they moved. */
  #top = 0
  #frame: number | null = null
  #shown = ''

  constructor(
    elements: ConversationElements,
    chat: Chat,
    actions: TurnActions & { readonly canAnswer: () => boolean },
  ) {
    this.#elements = elements
    this.#chat = chat
    this.#actions = actions
    const { scroll, toLatest, turns } = elements
    // What scrolls must be reachable by keyboard.
    scroll.tabIndex = 0
    scroll.addEventListener('scroll', () => this.#noteScroll(), { passive: true })
    new ResizeObserver(() => this.#settle()).observe(scroll)
    toLatest.addEventListener('click', () => {
      this.follow()
      scroll.focus({ preventScroll: true })
    })
    turns.addEventListener('click', ({ target }) => {
      const copy = target instanceof Element && target.closest('[data-action="copy-code"]')
      if (copy) actions.copy(copy.closest('figure')?.querySelector('pre')?.textContent ?? '')
    })
  }

  /** Shows the conversation's turns, making and removing views as needed. */
  showTurns(): void {
    const { open } = this.#chat
    if (this.#shown !== open.id) this.#following = true
    this.#shown = open.id
    const ids = new Set(open.turns.map(({ id }) => id))
    for (const [id, view] of this.#views) {
      if (ids.has(id)) continue
      view.element.remove()
      this.#views.delete(id)
    }
    for (const turn of open.turns) {
      if (this.#views.has(turn.id)) continue
      const view = new TurnView(turn, this.#actions)
      this.#views.set(turn.id, view)
      this.#elements.turns.append(view.element)
    }
    for (const turn of open.turns) this.#update(turn.id)
    this.#settle()
  }

  /** A turn has grown: it is shown in the next frame, once. */
  showGrowth(): void {
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = null
      const last = this.#chat.open.turns.at(-1)
      if (last) this.#update(last.id)
      this.#settle()
    })
  }

  /** To the end, and along with it from now on. */
  follow(): void {
    this.#following = true
    this.#settle()
  }

  #update(id: string): void {
    const { open, running } = this.#chat
    this.#views.get(id)?.update({
      last: open.turns.at(-1)?.id === id,
      running: running?.turn.id === id ? running : null,
      canAnswer: this.#actions.canAnswer() && running === null,
    })
  }

  #settle(): void {
    const { scroll, turns } = this.#elements
    if (this.#following && turns.childElementCount > 0) scroll.scrollTop = scroll.scrollHeight
    this.#top = scroll.scrollTop
    this.#elements.toLatest.hidden = this.#following
  }

  /** However little the reader moves up, the page lets go; near the end, moving down, it follows again. */
  #noteScroll(): void {
    const { scroll, toLatest, turns } = this.#elements
    const moved = scroll.scrollTop - this.#top
    this.#top = scroll.scrollTop
    const below = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight
    if (below <= 2 || turns.childElementCount === 0) this.#following = true
    else if (moved < 0) this.#following = false
    else if (moved > 0 && below < nearBottom) this.#following = true
    toLatest.hidden = this.#following
  }
}
