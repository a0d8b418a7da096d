import { OctavoError } from '../util/octavo-error'

/** A file that is read in pieces. */
export interface ByteSource {
  readonly bytes: number
  /**
   * Fills `into` with the file's bytes from `begin` on. `onBytes` hears how many of them are there so far.
   *
   * @throws OctavoError where they cannot be had whole
   */
  read(
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    signal: AbortSignal,
    onBytes: (count: number) => void,
  ): Promise<void>
  /** Lets go of connections; a later read makes new ones. */
  close(): Promise<void>
}

/** A file that the person picked. */
export class BlobSource implements ByteSource {
  readonly bytes: number

  constructor(readonly file: File) {
    this.bytes = file.size
  }

  async read(
    begin: number,
    into: Uint8Array<ArrayBuffer>,
    _signal: AbortSignal,
    onBytes: (count: number) => void,
  ): Promise<void> {
    try {
      const bytes = await this.file.slice(begin, begin + into.length).arrayBuffer()
      if (bytes.byteLength !== into.length) throw new Error('the file has become shorter')
      into.set(new Uint8Array(bytes))
    } catch (cause) {
      throw new OctavoError(
        'not-found',
        `The file '${this.file.name}' can no longer be read: it was moved, changed or deleted.`,
        'Pick the file again.',
        { cause },
      )
    }
    onBytes(into.length)
  }

  async close(): Promise<void> {}
}
