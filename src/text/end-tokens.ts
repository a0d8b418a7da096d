/** Tokens that end a turn or a text by their name, in the files of today. */
const END_NAMES: ReadonlySet<string> = new Set([
  '<|im_end|>',
  '<|eot_id|>',
  '<|eom_id|>',
  '<|end|>',
  '<|return|>',
  '<|call|>',
  '<|endoftext|>',
  '<|end_of_text|>',
  '<|end_of_turn|>',
  '<|end_of_role|>',
  '<end_of_turn>',
  '<turn|>',
  '<end_of_utterance>',
  '<｜end▁of▁sentence｜>',
  '<|EOT|>',
  '<|eot|>',
  '<EOT>',
  '<|END_OF_TURN_TOKEN|>',
  '</s>',
  '<eos>',
  '[EOS]',
])

/** Tokens of turns whose names do not have the form `<|…|>`. */
const TURN_NAMES = ['<start_of_turn>', '<end_of_turn>', '<|turn>', '<turn|>', '<end_of_utterance>', '<EOT>']

/** Files mark some control tokens as ordinary ones: `<|…|>` and those that begin and end turns are always control. */
export function isControlName(text: string): boolean {
  return /^<[|｜].*[|｜]>$/s.test(text) || TURN_NAMES.includes(text)
}

/** Ids that end a turn or a text: those that the file names, and control tokens with such a name. */
export function endIds(
  named: readonly number[],
  tokens: ArrayLike<string | undefined>,
  isControl: (id: number) => boolean,
): readonly number[] {
  const ids = new Set(named)
  const found = new Map<string, number>()
  for (let id = 0; id < tokens.length; id++) {
    const text = tokens[id]
    if (text !== undefined && END_NAMES.has(text) && isControl(id)) found.set(text, id)
  }
  // In gpt-oss's format <|end|> only closes a channel; the turn ends with one of the other two.
  if (found.has('<|return|>') && found.has('<|call|>')) {
    ids.delete(found.get('<|end|>') ?? -1)
    found.delete('<|end|>')
  }
  for (const id of found.values()) ids.add(id)
  return [...ids]
}
