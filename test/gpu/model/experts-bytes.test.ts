import { expect, it } from 'vitest'
import { readDescription } from '../../../src/model/read-description'
import { findTensors } from '../../../src/model/tensors'
import type { JsonObject } from '../../../src/util/model-file'
import { ForcedSequence } from '../../support/force-tokens'
import { loadRepo } from '../../support/load-model'
import { roomOf } from '../../support/room-of'
import { makeRepo, type Repo } from '../../support/safetensors-repo'

// Large enough for the weights of two experts to outweigh the activations.
const [hidden, inner, vocab, experts, top] = [512, 512, 64, 8, 2]

const config: JsonObject = {
  model_type: 'mixtral',
  hidden_size: hidden,
  intermediate_size: inner,
  num_hidden_layers: 1,
  num_attention_heads: 8,
  num_key_value_heads: 8,
  num_local_experts: experts,
  num_experts_per_tok: top,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  vocab_size: vocab,
}

const perExpert = 3 * hidden * inner
const inAttention = 4 * hidden * hidden
const parameters = 2 * vocab * hidden + 3 * hidden + inAttention + experts * (hidden + perExpert)

/** A mixture whose weights are all 0, as f16. */
function mixture(): Repo {
  const shapes: [name: string, shape: readonly number[]][] = [
    ['model.embed_tokens', [vocab, hidden]],
    ['lm_head', [vocab, hidden]],
    ['model.norm', [hidden]],
    ['model.layers.0.input_layernorm', [hidden]],
    ['model.layers.0.post_attention_layernorm', [hidden]],
    ...['q', 'k', 'v', 'o'].map((each): [string, number[]] => [
      `model.layers.0.self_attn.${each}_proj`,
      [hidden, hidden],
    ]),
    ['model.layers.0.block_sparse_moe.gate', [experts, hidden]],
  ]
  for (let e = 0; e < experts; e++) {
    const stem = `model.layers.0.block_sparse_moe.experts.${e}`
    shapes.push([`${stem}.w1`, [inner, hidden]], [`${stem}.w3`, [inner, hidden]])
    shapes.push([`${stem}.w2`, [hidden, inner]])
  }
  let at = 0
  const header = Object.fromEntries(
    shapes.map(([name, shape]) => {
      const first = at
      at += 2 * shape.reduce((product, length) => product * length, 1)
      return [`${name}.weight`, { dtype: 'F16', shape, data_offsets: [first, at] }]
    }),
  )
  const json = new TextEncoder().encode(JSON.stringify(header))
  const file = new Uint8Array(8 + json.length + at)
  new DataView(file.buffer).setBigUint64(0, BigInt(json.length), true)
  file.set(json, 8)
  return makeRepo([file], config)
}

it('reads of a mixture’s experts those that the token takes, and counts all of them', async () => {
  const repo = mixture()
  const { runner, info, destroy } = await loadRepo(repo, { format: 'f16', maxTokens: 64, maxSequences: 1 })
  try {
    const sequence = new ForcedSequence(runner, 0, 64)
    await sequence.prefill([1, 2, 3, 4, 5], 5)
    await sequence.decode(6)
    const weights = parameters - vocab * hidden - (experts - top) * perExpert
    // Keys and values of six tokens.
    const least = 2 * (weights + 6 * 2 * hidden)
    expect(runner.bytesWalked).toBeGreaterThan(least)
    expect(runner.bytesWalked).toBeLessThan(1.05 * least)
    expect(info.parameters).toBe(parameters)
    expect(info.tensorTypes).toMatchObject([{ type: 'F16', bytes: 2 * (parameters - 3 * hidden) }])
  } finally {
    destroy()
  }
  const { matrices } = findTensors(repo.header, readDescription(repo.header), 'exact')
  expect(matrices.find(({ expertRows }) => expertRows === hidden)?.rows).toBe(experts * hidden)
  const room = await roomOf(repo.header)
  expect(room.parameters).toBe(parameters)
  expect(room.weightBytes).toBeGreaterThan(2 * parameters)
})
