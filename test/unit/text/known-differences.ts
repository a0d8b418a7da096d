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
    why: 'JavaScript has no 1.0, prints 1e-07 as 1e-7, and integers beyond 2^53 lose digits; null is no "None".',
  },
  {
    families: /^(apertus|command-r7b|gemma2|gemma4|lfm2|llama3|minicpm5|nemotron3-nano|reka-edge|smollm3)/,
    ids: /^parts(-image|-all)?$/,
    why: 'A template that wants a text is given the parts’ text; Python prints the list, drops it or refuses.',
  },
  {
    families: /^(devstral|gemma|llama3|ministral|mistral|nemotron3)/,
    ids: /^bad-missing-content$/,
    why: 'A user’s message without content: the library refuses filters of what is undefined. The API refuses it first.',
  },
  {
    families: /^deepseek-v3.2$/,
    ids: /^bad-tool-first$/,
    why: 'The length of what is undefined: refused, not 0.',
  },
  {
    families: /^command-r$/,
    ids: /^empty-system$/,
    why: 'The library: an empty text is not true as a filter’s default.',
  },
  {
    families: /^gemma4$/,
    ids: /^call-parallel$/,
    why: 'The library prints none as nothing, Python as None.',
  },
  {
    families: /^(qwq|smollm3)$/,
    ids: /^whitespace$/,
    why: 'The library’s lstrip takes all white space, not only \\n.',
  },
  {
    families: /^minicpm5$/,
    ids: /^(call|reasoning-call|bad-tool-id)/,
    why: 'The library has no filter "min", which this template needs for tool calls.',
  },
  {
    families: /^hermes(2pro|3)$/,
    ids: /^(tools|call|reasoning-call|bad-tool-id|bad-bad-json-args|think-off-system-tools)/,
    why: 'The library’s trim refuses what is undefined, which this template needs for tools.',
  },
  {
    families: /^functionary-v3.1$/,
    ids: /./,
    why: 'The library’s selectattr refuses a list of tools that is none; with one, Python escapes quotes as for HTML.',
  },
  {
    families: /^seed-oss$/,
    ids: /./,
    why: 'The library refuses objects with numbers as keys, which this template has.',
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
