/** Where Octavo knowingly differs from the reference, and why. A test fails where one of these no longer differs. */
interface KnownDifference {
  readonly families: RegExp
  readonly ids: RegExp
  readonly why: string
}

/** By vocabulary and text. */
export const encodingDifferences: readonly KnownDifference[] = [
  {
    families: /^gemma3$/,
    ids: /^metaspace-text$/,
    why: 'A U+2581 of the text beside a space: Rust does not merge the two. As llama.cpp.',
  },
]

/** Where a text’s special tokens are to stay text, by vocabulary and text. The reference is llama.cpp. */
export const plainDifferences: readonly KnownDifference[] = [
  ...encodingDifferences,
  {
    families: /^(gemma3|phi-3)$/,
    ids: /^special-(s|mistral|spaces|adjacent)$/,
    why: 'llama.cpp takes </s> for a control token by its name; to these models it is an ordinary added token.',
  },
]

/** By template and conversation. */
export const templateDifferences: readonly KnownDifference[] = [
  {
    families: /./,
    ids: /^call-number-args$/,
    why: 'JavaScript numbers have no 1.0, and integers beyond 2^53 lose digits.',
  },
  {
    families: /^(apertus|command-r7b|gemma2|lfm2|llama3|minicpm5|nemotron3-nano|smollm3)/,
    ids: /^parts(-image|-all)?$/,
    why: 'A template that wants a text is given the parts’ text; Python prints the list, drops it or refuses.',
  },
]

/** Whether a difference is known. */
export function isKnown(list: readonly KnownDifference[], family: string, id: string): boolean {
  return list.some(({ families, ids }) => families.test(family) && ids.test(id))
}

/** The entries that none of the differences found is an example of. */
export function unused(
  list: readonly KnownDifference[],
  found: readonly { family: string; id: string }[],
): readonly string[] {
  const used = ({ families, ids }: KnownDifference) =>
    found.some(({ family, id }) => families.test(family) && ids.test(id))
  return list.filter((entry) => !used(entry)).map(({ why }) => why)
}
