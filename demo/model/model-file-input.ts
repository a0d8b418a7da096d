import { byId } from '../element'

/** A model's file from the person's own disk: picked, or dropped anywhere on the page. */
export class ModelFileInput {
  readonly #input = byId('file', HTMLInputElement)

  constructor(onFile: (file: File) => void) {
    this.#input.addEventListener('change', () => {
      const file = this.#input.files?.[0]
      this.#input.value = ''
      if (file) onFile(file)
    })
    const cover = byId('drop', HTMLElement)
    document.addEventListener('dragover', (event) => {
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      cover.hidden = false
    })
    document.addEventListener('dragleave', ({ relatedTarget }) => {
      if (relatedTarget === null) cover.hidden = true
    })
    document.addEventListener('drop', (event) => {
      cover.hidden = true
      const file = event.dataTransfer?.files[0]
      if (!file) return
      event.preventDefault()
      onFile(file)
    })
  }

  pick(): void {
    this.#input.click()
  }
}
