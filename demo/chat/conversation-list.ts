import { button, element } from '../element'
import { type Conversation, titleOf } from './conversation'

export interface ConversationListHooks {
  readonly onOpen: (conversation: Conversation) => void
  readonly onRemove: (conversation: Conversation) => void
}

/** The list of conversations, latest first. */
export class ConversationList {
  readonly #list: HTMLElement
  readonly #hooks: ConversationListHooks
  #key = ''

  constructor(list: HTMLElement, hooks: ConversationListHooks) {
    this.#list = list
    this.#hooks = hooks
  }

  show(conversations: readonly Conversation[], open: Conversation): void {
    const key = JSON.stringify([open.id, conversations.map((each) => [each.id, titleOf(each)])])
    if (key === this.#key) return
    this.#key = key
    const focused = this.#list.contains(document.activeElement)
    this.#list.replaceChildren(...conversations.map((each) => this.#item(each, each === open)))
    if (focused) this.#list.querySelector<HTMLElement>('[aria-current], button')?.focus()
  }

  #item(conversation: Conversation, current: boolean): HTMLElement {
    const title = titleOf(conversation)
    const open = button(title, () => this.#hooks.onOpen(conversation), {
      class: 'open',
      title,
      dir: 'auto',
      'aria-current': current && 'true',
    })
    const remove = button(
      'Delete',
      () => {
        if (remove.dataset.sure === 'yes') return this.#hooks.onRemove(conversation)
        remove.dataset.sure = 'yes'
        remove.textContent = 'Really?'
        remove.setAttribute('aria-label', `Really delete: ${title}`)
      },
      { class: 'remove', 'aria-label': `Delete: ${title}` },
    )
    remove.addEventListener('blur', () => {
      delete remove.dataset.sure
      remove.textContent = 'Delete'
      remove.setAttribute('aria-label', `Delete: ${title}`)
    })
    return element('li', {}, open, remove)
  }
}
