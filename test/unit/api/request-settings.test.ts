import { describe, expect, it } from 'vitest'
import { chatFields } from '../../../src/api/request-fields'
import { biases, chat, completion, generated, messages } from './send-request'

describe('what a request asks for reaches the engine', () => {
  it('as OpenAI’s defaults', async () => {
    const { sampler, stop, ...rest } = await generated({})
    expect(sampler).toEqual({
      temperature: 1,
      topK: 0,
      topP: 1,
      minP: 0,
      seed: expect.any(Number),
      repetitionPenalty: 1,
      presencePenalty: 0,
      frequencyPenalty: 0,
      logitBias: [],
      allowedIds: null,
    })
    expect(stop).toEqual({
      maxTokens: null,
      defaultMaxTokens: null,
      minTokens: 0,
      ignoreEos: false,
      stopTokenIds: [],
      stopStrings: [],
      includeStopString: false,
    })
    expect(rest).toMatchObject({ logprobs: null, promptLogprobs: null, skipSpecialTokens: true, echo: false })
  })

  it('field by field', async () => {
    const sampling = { temperature: 0.5, top_p: 0.9, top_k: 40, min_p: 0.05, seed: 42 }
    const penalties = { repetition_penalty: 1.1, presence_penalty: -1, frequency_penalty: 0.5 }
    const choosing = { logit_bias: { 7: -100, 0: 2.5 }, allowed_token_ids: [0, 7, 9] }
    const stopping = { max_tokens: 9, min_tokens: 2, stop: ['a', 'b'], stop_token_ids: [2], ignore_eos: true }
    const showing = { include_stop_str_in_output: true, skip_special_tokens: false, prompt_logprobs: 3 }
    const steering = { ...sampling, ...penalties, ...choosing }
    const asked = { ...steering, ...stopping, ...showing }
    expect(await generated({ ...asked, logprobs: true })).toMatchObject({
      sampler: {
        temperature: 0.5,
        topP: 0.9,
        topK: 40,
        minP: 0.05,
        seed: 42,
        repetitionPenalty: 1.1,
        presencePenalty: -1,
        frequencyPenalty: 0.5,
        logitBias: [
          [0, 2.5],
          [7, -100],
        ],
        allowedIds: [0, 7, 9],
      },
      stop: {
        maxTokens: 9,
        minTokens: 2,
        stopStrings: ['a', 'b'],
        stopTokenIds: [2],
        ignoreEos: true,
        includeStopString: true,
      },
      skipSpecialTokens: false,
      promptLogprobs: 3,
      logprobs: 0,
    })
  })

  it('in completions too', async () => {
    const { sampler } = await generated({ logit_bias: { 3: 1 }, presence_penalty: 2 }, completion)
    expect(sampler).toMatchObject({ logitBias: [[3, 1]], presencePenalty: 2, allowedIds: null })
  })

  it('with as many biases as there may be', async () => {
    expect((await generated({ logit_bias: biases(1024) })).sampler.logitBias).toHaveLength(1024)
  })

  it('with several answers at temperature 0, as OpenAI takes them, though all are the same', async () => {
    const { result, service } = await chat({ temperature: 0, n: 2 })
    await result
    expect(service.generations.map(({ sampler }) => sampler.temperature)).toEqual([0, 0])
  })

  it('with null as good as nothing', async () => {
    const nothing = Object.fromEntries(Object.keys(chatFields).map((name) => [name, null]))
    const { id: _, ...given } = await generated({ ...nothing, messages, seed: 1 })
    expect(given).toEqual({ ...(await generated({ seed: 1 })), id: undefined })
  })

  it('with values that mean the same: top_k −1, top_p 0, a stop alone, a newer name', async () => {
    const { sampler, stop } = await generated({ top_k: -1, top_p: 0, stop: 'x', max_completion_tokens: 7 })
    expect(sampler.topK).toBe(0)
    expect(sampler.topP).toBeGreaterThan(0)
    expect(stop).toMatchObject({ stopStrings: ['x'], maxTokens: 7 })
  })

  it.each([
    [5, 5],
    [2 ** 32 - 1, 2 ** 32 - 1],
    [2 ** 32, 1],
    [-1, 0],
  ])('with the seed %d as the 32 bits %d', async (seed, bits) => {
    expect((await generated({ seed })).sampler.seed).toBe(bits)
  })

  it('with messages as the chat template takes them', async () => {
    const conversation = [
      { role: 'developer', content: 'Be brief.' },
      {
        role: 'user',
        name: 'Ann',
        content: [
          { type: 'text', text: 'a' },
          { type: 'text', text: 'b' },
        ],
      },
      { role: 'assistant', content: null, refusal: null, annotations: [], tool_calls: [] },
      { role: 'tool', tool_call_id: 'c1', content: '4' },
    ]
    const fields = {
      messages: conversation,
      add_generation_prompt: false,
      continue_final_message: true,
      chat_template_kwargs: { enable_thinking: false },
    }
    expect((await generated(fields)).prompt).toEqual({
      kind: 'chat',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'a\nb', name: 'Ann' },
        { role: 'assistant', content: '' },
        { role: 'tool', content: '4', tool_call_id: 'c1' },
      ],
      addGenerationPrompt: false,
      continueFinalMessage: true,
      variables: { enable_thinking: false },
    })
  })
})
