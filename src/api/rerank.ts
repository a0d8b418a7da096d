import { type AbortOptions, abortableCall } from './abortable-call'
import type { Connection } from './connection'
import { required } from './generation-settings'
import { randomHex } from './random-hex'
import { documentFields, rerankFields } from './request-fields'
import { checkFields, isPlainObject, wrongValue } from './rules'

/** What `engine.rerank` takes: the fields of Cohere's and Jina's rerankers, which vLLM has too. */
export interface RerankRequest {
  query: string
  documents: (string | { text: string })[]
  /** Any name; it comes back in the response. */
  model?: string | null
  /** Give the best ones only. Default: all. */
  top_n?: number | null
  /** Give the documents' texts too. Default false. */
  return_documents?: boolean | null
  /**
   * vLLM's: cut a query with its document to this many tokens, the longer of them first; −1: to what the model takes.
   * Without it, what is longer is refused.
   */
  truncate_prompt_tokens?: number | null
  /** Accepted; nothing is done with it. */
  user?: string
}

/** How well one document answers the query. */
export interface RerankResult {
  /** Of the document in the request. */
  index: number
  /**
   * The higher the better. A reranker's is a probability, 0 … 1, unless its repo says that scores stay as they are; of a
   * model that makes vectors it is the cosine of query and document.
   */
  relevance_score: number
  /** With `return_documents`. */
  document?: { text: string }
}

/** The answer of Cohere, Jina and vLLM. */
export interface RerankResponse {
  id: string
  model: string
  /** The best first; documents of one score in the order of the request. */
  results: RerankResult[]
  usage: { prompt_tokens: number; total_tokens: number }
}

/** Ranks documents by how well they answer a query. */
export async function rerank(
  connection: Connection,
  model: string,
  body: RerankRequest,
  options: AbortOptions,
): Promise<RerankResponse> {
  if (!isPlainObject(body)) throw wrongValue('invalid-request', 'The request', body, 'an object')
  checkFields('invalid-request', '', rerankFields, body)
  const query = required('invalid-request', 'query', body.query)
  const documents = required('invalid-request', 'documents', body.documents).map(documentText)
  const truncateTo = body.truncate_prompt_tokens ?? null
  const { scores, promptTokens } = await abortableCall(connection, options, (service, id) =>
    service.rerank({ id, query, documents, truncateTo }),
  )
  const ranked = scores
    .map((relevance_score, index) => ({ index, relevance_score }))
    .sort((a, b) => b.relevance_score - a.relevance_score || a.index - b.index)
    .slice(0, body.top_n ?? documents.length)
  return {
    id: `rerank-${randomHex(16)}`,
    model: body.model ?? model,
    results: ranked.map((result) => ({
      ...result,
      ...(body.return_documents && { document: { text: documents[result.index]! } }),
    })),
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }
}

function documentText(document: string | { text: string }, index: number): string {
  if (typeof document === 'string') return document
  const where = `documents[${index}].`
  checkFields('invalid-request', where, documentFields, document)
  return required('invalid-request', `${where}text`, document.text)
}
