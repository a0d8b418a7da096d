import type { ChunkedFile } from './chunked-file'

/** Where a model's files lie side by side: in a repo, on a server, or among files that were picked. */
export interface ModelFolder {
  /** A file by its path; null where there is none. */
  find(path: string, signal: AbortSignal): Promise<ChunkedFile | null>
}

export interface Search {
  readonly signal: AbortSignal
  /** Files that are looked for, or read, at the same time. */
  readonly parallel: number
}
