import type { Family } from './family'
import { llama } from './llama'
import { ministral3, mistral } from './mistral'
import { qwen2, qwen3 } from './qwen'
import { smollm3 } from './smollm3'

/** Families that need no file but the worker's own. */
export const families: readonly Family[] = [llama, mistral, ministral3, smollm3, qwen2, qwen3]
