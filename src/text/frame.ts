/** A place in a frame: ids that the model's file adds, or one of the texts. */
export type FramePart =
  | { readonly ids: readonly number[]; readonly type: number }
  | { readonly text: 0 | 1; readonly type: number }

/** What a model's file puts around whole texts, for models that read texts and write none. `type`: BERT's token type. */
export interface Frames {
  readonly single: readonly FramePart[]
  /** Around two texts, a question and a document as a rule; null: the file does not say how. */
  readonly pair: readonly FramePart[] | null
}

/** The ids before and behind the one text of a frame. */
export function surround(single: readonly FramePart[]): { before: number[]; after: number[] } {
  const at = single.findIndex((part) => 'text' in part)
  const ids = (parts: readonly FramePart[]) => parts.flatMap((part) => ('ids' in part ? part.ids : []))
  return { before: ids(single.slice(0, at)), after: ids(single.slice(at + 1)) }
}

/** One text between ids. */
function singleFrame(before: readonly number[], after: readonly number[]): readonly FramePart[] {
  return [...added(before, 0), { text: 0, type: 0 }, ...added(after, 0)]
}

/** `[CLS] A [SEP] B [SEP]`, the second text and what ends it being of type 1 (Devlin et al. 2018, arXiv:1810.04805). */
export function bertFrames(before: readonly number[], after: readonly number[]): Frames {
  const single = singleFrame(before, after)
  return { single, pair: [...single, { text: 1, type: 1 }, ...added(after, 1)] }
}

/** `<s> A </s></s> B </s>`, all of type 0 (Liu et al. 2019, arXiv:1907.11692). */
export function robertaFrames(before: readonly number[], after: readonly number[]): Frames {
  const single = singleFrame(before, after)
  return { single, pair: [...single, ...added(after, 0), { text: 1, type: 0 }, ...added(after, 0)] }
}

/** Each of two texts between its ids; without ids: one text behind the other. */
export function plainFrames(before: readonly number[], after: readonly number[]): Frames {
  const single = singleFrame(before, after)
  return { single, pair: [...single, ...added(before, 1), { text: 1, type: 1 }, ...added(after, 1)] }
}

function added(ids: readonly number[], type: number): FramePart[] {
  return ids.length === 0 ? [] : [{ ids, type }]
}
