import { OctavoError } from './octavo-error'

/** A part of Octavo that is fetched when something needs it, in a file of its own where the library is built. */
export class LazyPart<Part> {
  #part: Part | null = null
  #fetching: Promise<Part> | null = null

  constructor(
    /** As an error's text names it. */
    readonly what: string,
    readonly load: () => Promise<Part>,
  ) {}

  /**
   * The part; a fetch that failed is tried again by the next call.
   *
   * @throws OctavoError 'network'
   */
  fetch(): Promise<Part> {
    this.#fetching ??= this.load().then(
      (part) => {
        this.#part = part
        return part
      },
      (cause: unknown) => {
        this.#fetching = null
        throw new OctavoError(
          'network',
          `The part of Octavo for ${this.what} could not be fetched.`,
          'Check the connection and try again. All files of the library must be served, as they were published.',
          { cause },
        )
      },
    )
    return this.#fetching
  }

  /** The part, which has been fetched before. */
  get fetched(): Part {
    if (this.#part === null) throw new Error(`the part for ${this.what} is wanted before it was fetched`)
    return this.#part
  }
}
