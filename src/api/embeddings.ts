import { type AbortOptions, abortableCall } from './abortable-call'
import type { Connection } from './connection'
import type { CreateEmbeddingResponse, EmbeddingRequest } from './embedding-types'
import { required } from './generation-settings'
import { embeddingFields } from './request-fields'
import { checkFields, isPlainObject, wrongValue } from './rules'

type Base64Request = EmbeddingRequest & { encoding_format: 'base64' }

/** OpenAI's `embeddings`, for models that make vectors of texts. */
export class Embeddings {
  readonly #connection: Connection
  readonly #model: string

  /** @internal */
  constructor(connection: Connection, model: string) {
    this.#connection = connection
    this.#model = model
  }

  /**
   * One vector for each text, as sentence-transformers makes it from the same repo: `engine.info.encoder.dimensions`
   * numbers, or `dimensions` of them, of length 1 (L2) unless the repo leaves that out. A text has at most
   * `engine.info.encoder.maxTokens` tokens, those that the tokenizer adds among them.
   *
   * Texts of many calls that run side by side are computed together; each has the bits that it has alone.
   *
   * @throws OctavoError 'invalid-request' or 'unsupported-field' naming the field, 'context-too-long' for a text that the
   * model does not take whole, 'unsupported-architecture' for a model that makes no vectors, 'queue-full', 'aborted',
   * 'unloaded'
   * @example
   * const { data } = await engine.embeddings.create({ input: ['a cat', 'a kitten', 'a lathe'] })
   * const [a, b] = data.map(({ embedding }) => embedding)
   * show(a!.reduce((similarity, value, i) => similarity + value * b![i]!, 0))
   */
  create(body: Base64Request, options?: AbortOptions): Promise<CreateEmbeddingResponse<string>>
  create(
    body: EmbeddingRequest & { encoding_format?: 'float' | null },
    options?: AbortOptions,
  ): Promise<CreateEmbeddingResponse>
  create(
    body: EmbeddingRequest,
    options?: AbortOptions,
  ): Promise<CreateEmbeddingResponse | CreateEmbeddingResponse<string>>
  async create(
    body: EmbeddingRequest,
    options: AbortOptions = {},
  ): Promise<CreateEmbeddingResponse | CreateEmbeddingResponse<string>> {
    if (!isPlainObject(body)) throw wrongValue('invalid-request', 'The request', body, 'an object')
    checkFields('invalid-request', '', embeddingFields, body)
    const input = required('invalid-request', 'input', body.input)
    const call = {
      inputs: isOne(input) ? [input] : input,
      promptName: body.prompt_name ?? null,
      dimensions: body.dimensions ?? null,
      truncateTo: body.truncate_prompt_tokens ?? null,
    }
    const { vectors, promptTokens } = await abortableCall(this.#connection, options, (service, id) =>
      service.embed({ ...call, id }),
    )
    const rest = {
      object: 'list',
      model: body.model ?? this.#model,
      usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
    } as const
    const data = <Vector extends number[] | string>(written: (vector: Float32Array) => Vector) =>
      vectors.map((vector, index) => ({ object: 'embedding', index, embedding: written(vector) }) as const)
    return body.encoding_format === 'base64'
      ? { ...rest, data: data(base64) }
      : { ...rest, data: data((vector) => [...vector]) }
  }
}

function isOne(input: EmbeddingRequest['input']): input is string | number[] {
  return typeof input === 'string' || typeof input[0] === 'number'
}

/** Of float32, little-endian, whatever this machine's order is. */
function base64(vector: Float32Array): string {
  const bytes = new DataView(new ArrayBuffer(4 * vector.length))
  for (const [i, value] of vector.entries()) bytes.setFloat32(4 * i, value, true)
  return btoa(Array.from(new Uint8Array(bytes.buffer), (byte) => String.fromCharCode(byte)).join(''))
}
