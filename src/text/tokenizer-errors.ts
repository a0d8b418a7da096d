import { OctavoError } from '../util/octavo-error'

/** A tokenizer whose data contradict themselves. `message` has no full stop. */
export function malformed(message: string): OctavoError {
  return new OctavoError(
    'malformed-file',
    `${message}.`,
    'The file is damaged or was written by a faulty converter: get another copy of the model.',
  )
}

/** A tokenizer that may be right, but has a part that is not built. */
export function unsupported(what: string): OctavoError {
  return new OctavoError(
    'unsupported-tokenizer',
    `The ${what} of this model is not supported.`,
    'Choose a model with another tokenizer; BPE (gpt2, llama, gemma4), Unigram (t5) and WordPiece (bert) are read.',
  )
}

/** A model that comes without a tokenizer. `why` has no full stop. */
export function noTokenizer(why: string): OctavoError {
  return new OctavoError(
    'unsupported-tokenizer',
    `This model has no tokenizer: ${why}.`,
    'Choose a repo with a tokenizer.json, or a GGUF file of a model that reads text.',
  )
}
