import { kernel, storage } from '../gpu/kernel'
import { planeParams } from './weights/format'

/**
 * y[t, :] = E[id[t] + id_offset, :], unpacked from the embedding's format; one workgroup a token.
 *
 * `bounded`: ids from `ids` on take row 0. `scaled`: times `scale`. `residual`: added to y; for learned positions and token types, whose ids are another list in
 * the batch.
 */
export const embed = kernel({
  shader: 'embed',
  bindings: {
    weights: storage('read', 'vec4u', ['planes / 4']),
    batch: storage('read', 'u32', ['words']),
    sampled: storage('read', 'u32', ['sequences']),
    y: storage('read_write', 'vec4f', ['tokens', 'hidden / 4']),
  },
  params: {
    ids_at: 'u32',
    id_offset: 'u32',
    ids: 'u32',
    first_row: 'u32',
    rows: 'u32',
    groups: 'u32',
    ...planeParams,
    scale: 'f32',
  },
  constants: ['workgroup_size'],
  conditions: ['bounded', 'scaled', 'residual'],
  grid: ({ tokens }: { tokens: number; rowBytes: number; hidden: number }) => [tokens, 1, 1],
  bytes: ({ tokens, rowBytes, hidden }) => tokens * (rowBytes + 4 * hidden),
})

/** y[i, :] = x[rows[i], :]: the rows of a batch that need logits; one workgroup a row. */
export const gatherRows = kernel({
  shader: 'gather_rows',
  bindings: {
    batch: storage('read', 'u32', ['words']),
    x: storage('read', 'f32', ['tokens', 'width']),
    y: storage('read_write', 'f32', ['rows', 'width']),
  },
  params: { rows_at: 'u32', width: 'u32' },
  constants: ['workgroup_size'],
  grid: ({ rows }: { rows: number; width: number }) => [rows, 1, 1],
  bytes: ({ rows, width }) => 8 * rows * width,
})
