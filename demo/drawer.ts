import { byId } from './element'

/** From here on the list of conversations stands beside the conversation; below it is a drawer. */
const wide = matchMedia('(min-width: 64rem)')

/** Puts the list where there is room for it. */
export class Drawer {
  readonly #dialog = byId('drawer', HTMLDialogElement)
  readonly #side = byId('side', HTMLElement)
  readonly #content = byId('side-content', HTMLElement)

  constructor() {
    byId('open-drawer', HTMLButtonElement).addEventListener('click', () => this.#dialog.showModal())
    byId('close-drawer', HTMLButtonElement).addEventListener('click', () => this.close())
    this.#dialog.addEventListener('click', ({ target }) => {
      if (target === this.#dialog) this.close()
    })
    wide.addEventListener('change', () => this.#place())
    this.#place()
  }

  close(): void {
    this.#dialog.close()
  }

  #place(): void {
    this.close()
    if (wide.matches) this.#side.append(this.#content)
    else this.#dialog.append(this.#content)
  }
}
