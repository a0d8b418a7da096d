import { sha256 } from '../util/sha256'

/**
 * Identity of what a model computes: of its weights' files, in their order, and of its config where that is a file of
 * its own.
 *
 * @param config hex SHA-256, or null
 */
export async function contentOf(weights: readonly string[], config: string | null): Promise<string> {
  const parts = config === null ? weights : [...weights, config]
  if (parts.length === 1) return parts[0]!
  return sha256(new TextEncoder().encode(parts.join('\n')))
}
