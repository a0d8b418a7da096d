/** An array value of a GGUF header: numbers as typed arrays or lists, strings as lists. */
export type MetadataArray = ArrayLike<number> | ArrayLike<bigint> | readonly string[] | readonly boolean[]

/** A value of a GGUF header; 64-bit integers are numbers where they are safe, else bigint. */
export type MetadataValue = number | bigint | boolean | string | MetadataArray

/** The key-value pairs of a GGUF header (`general.architecture`, `tokenizer.ggml.tokens`, …). */
export type Metadata = ReadonlyMap<string, MetadataValue>
