import { isRecord, keep, readKept } from '../kept'

const publicHub = 'https://huggingface.co'

/**
 * The Hub's access token: in memory, or kept in this browser if the person says so. It belongs to the endpoint it was
 * entered for and is given to no other, so that a link to this page with `?endpoint=` cannot collect it.
 */
export class AccessToken {
  #entered: { readonly token: string; readonly endpoint: string } | null
  #kept: boolean

  constructor() {
    const kept = readKept('token')
    const valid = isRecord(kept) && typeof kept.token === 'string' && typeof kept.endpoint === 'string'
    this.#entered = valid ? { token: kept.token as string, endpoint: kept.endpoint as string } : null
    this.#kept = valid
  }

  get isKept(): boolean {
    return this.#kept
  }

  /** @param endpoint null for the public Hub. */
  for(endpoint: string | null): string | null {
    return this.#entered?.endpoint === (endpoint ?? publicHub) ? this.#entered.token : null
  }

  /** An empty token forgets the one of this endpoint. */
  enter(token: string, endpoint: string | null, keepIt: boolean): void {
    const text = token.trim()
    if (text === '' && this.for(endpoint) === null) return
    this.#entered = text === '' ? null : { token: text, endpoint: endpoint ?? publicHub }
    this.#kept = keepIt && this.#entered !== null
    keep('token', this.#kept ? this.#entered : null)
  }
}
