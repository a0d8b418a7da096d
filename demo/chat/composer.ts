import { byId } from '../element'

export interface ComposerHooks {
  /** @param replaces the id of the turn that was edited, null for a new one. */
  readonly onSend: (text: string, replaces: string | null) => void
  readonly onStop: () => void
  /** ↑ in an empty composer. */
  readonly onEditLast: () => void
}

/** The box in which a person writes, with its one button: send, or stop. */
export class Composer {
  readonly #form = byId('composer', HTMLFormElement)
  readonly #text = byId('message', HTMLTextAreaElement)
  readonly #send = byId('send', HTMLButtonElement)
  readonly #stop = byId('stop', HTMLButtonElement)
  readonly #editing = byId('editing', HTMLElement)
  readonly #hooks: ComposerHooks
  #replaces: string | null = null
  #canSend = false
  #running = false

  constructor(hooks: ComposerHooks) {
    this.#hooks = hooks
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      this.#submit()
    })
    this.#text.addEventListener('input', () => this.#refresh())
    this.#text.addEventListener('keydown', (event) => this.#onKey(event))
    this.#stop.addEventListener('click', () => {
      hooks.onStop()
      this.focus()
    })
    byId('cancel-edit', HTMLButtonElement).addEventListener('click', () => this.#cancelEdit())
    if (!CSS.supports('field-sizing', 'content')) this.#text.addEventListener('input', () => this.#grow())
  }

  /** @param words what the empty box says. */
  setState(state: { readonly canSend: boolean; readonly running: boolean; readonly words: string }): void {
    this.#canSend = state.canSend
    this.#running = state.running
    this.#text.placeholder = state.words
    const hadFocus = document.activeElement === this.#send || document.activeElement === this.#stop
    this.#send.hidden = state.running
    this.#stop.hidden = !state.running
    if (hadFocus) this.focus()
    this.#refresh()
  }

  focus(): void {
    this.#text.focus({ preventScroll: true })
  }

  /** Puts a turn's text into the box; sending it replaces the turn and what followed. */
  edit(turnId: string, text: string): void {
    this.#replaces = turnId
    this.#editing.hidden = false
    this.#fill(text)
  }

  /** Escape: ends editing if that is what the box is for now. */
  cancelEdit(): boolean {
    if (this.#replaces === null) return false
    this.#cancelEdit()
    return true
  }

  #cancelEdit(): void {
    this.#endEdit()
    this.#fill('')
  }

  #endEdit(): void {
    this.#replaces = null
    this.#editing.hidden = true
  }

  #submit(): void {
    const text = this.#text.value.trim()
    if (text === '' || !this.#canSend || this.#running) return
    const replaces = this.#replaces
    this.#endEdit()
    this.#fill('')
    this.#hooks.onSend(text, replaces)
  }

  #fill(text: string): void {
    this.#text.value = text
    this.#text.setSelectionRange(text.length, text.length)
    this.#grow()
    this.#refresh()
    this.focus()
  }

  #onKey(event: KeyboardEvent): void {
    // Enter that ends the choice of a word in an input method is not meant for us.
    if (event.isComposing) return
    if (event.key === 'Enter' && !event.shiftKey) {
      event.preventDefault()
      this.#submit()
    } else if (event.key === 'ArrowUp' && this.#text.value === '' && !this.#running) {
      event.preventDefault()
      this.#hooks.onEditLast()
    }
  }

  #refresh(): void {
    this.#send.disabled = !this.#canSend || this.#text.value.trim() === ''
  }

  /** For browsers whose text boxes do not grow by themselves; the style sheet sets the limit. */
  #grow(): void {
    if (CSS.supports('field-sizing', 'content')) return
    this.#text.style.height = 'auto'
    this.#text.style.height = `${this.#text.scrollHeight}px`
  }
}
