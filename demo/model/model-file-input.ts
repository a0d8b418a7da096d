import { byId } from '../element'
import { droppedFiles } from './dropped-files'

/** A model's files from the person's own disk: picked, or dropped anywhere on the page, also as a folder. */
export class ModelFileInput {
  readonly #input = byId('file', HTMLInputElement)

  constructor(onFiles: (files: readonly File[]) => void) {
    this.#input.addEventListener('change', () => {
      const files = [...(this.#input.files ?? [])]
      this.#input.value = ''
      if (files.length > 0) onFiles(files)
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
      if (!event.dataTransfer?.types.includes('Files')) return
      event.preventDefault()
      // What cannot be read is told when it is loaded.
      void droppedFiles(event.dataTransfer).then((files) => {
        if (files.length > 0) onFiles(files)
      })
    })
  }

  pick(): void {
    this.#input.click()
  }
}
