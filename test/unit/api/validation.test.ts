import { describe, expect, it } from 'vitest'
import type { CompletionRequest } from '../../../src/api/completion-types'
import { chatFields, completionFields } from '../../../src/api/request-fields'
import { failure, fakeEngine } from './fake-service'
import { biases, chat, completion, refused } from './send-request'

describe('a field of the wrong type or out of its range is refused by name, with the range', () => {
  const wrong: [object, string, string][] = [
    [{ temperature: 3 }, 'temperature is 3', 'from 0 to 2'],
    [{ temperature: -0.1 }, 'temperature is -0.1', 'from 0 to 2'],
    [{ temperature: '1' }, 'temperature is "1"', 'a number'],
    [{ temperature: Number.NaN }, 'temperature is NaN', 'a number'],
    [{ top_p: 1.5 }, 'top_p is 1.5', 'from 0 to 1'],
    [{ top_k: 1.5 }, 'top_k is 1.5', 'an integer of at least -1'],
    [{ top_k: -2 }, 'top_k is -2', 'at least -1'],
    [{ min_p: 2 }, 'min_p is 2', 'from 0 to 1'],
    [{ seed: 0.5 }, 'seed is 0.5', 'an integer'],
    [{ repetition_penalty: 0 }, 'repetition_penalty is 0', 'from 0.01 to 100'],
    [{ presence_penalty: 2.1 }, 'presence_penalty is 2.1', 'from -2 to 2'],
    [{ frequency_penalty: '1' }, 'frequency_penalty is "1"', 'a number'],
    [{ logit_bias: [5] }, 'logit_bias is [5]', 'at most 1024 token ids'],
    [{ logit_bias: { 5: 101 } }, 'logit_bias is {"5":101}', 'from -100 to 100'],
    [{ logit_bias: { 5: '1' } }, 'logit_bias is {"5":"1"}', 'a number'],
    [{ logit_bias: { Hello: 1 } }, 'logit_bias is {"Hello":1}', 'token ids'],
    [{ logit_bias: { '-1': 1 } }, 'logit_bias is {"-1":1}', 'token ids'],
    [{ logit_bias: { '05': 1 } }, 'logit_bias is {"05":1}', 'token ids'],
    [{ logit_bias: { 4294967296: 1 } }, 'logit_bias is {"4294967296":1}', 'token ids'],
    [{ logit_bias: biases(1025) }, 'logit_bias is {"0":1', 'at most 1024'],
    [{ allowed_token_ids: [] }, 'allowed_token_ids is []', 'not empty'],
    [{ allowed_token_ids: 5 }, 'allowed_token_ids is 5', 'an array'],
    [{ allowed_token_ids: [1, -1] }, 'allowed_token_ids is [1,-1]', 'from 0'],
    [{ max_tokens: 0 }, 'max_tokens is 0', 'at least 1'],
    [{ max_completion_tokens: '5' }, 'max_completion_tokens is "5"', 'an integer'],
    [{ min_tokens: -1 }, 'min_tokens is -1', 'at least 0'],
    [{ stop: '' }, 'stop is ""', 'not empty'],
    [{ stop: ['a', 1] }, 'stop is ["a",1]', 'a string that is not empty'],
    [{ stop_token_ids: [-1] }, 'stop_token_ids is [-1]', 'from 0'],
    [{ ignore_eos: 1 }, 'ignore_eos is 1', 'true or false'],
    [{ skip_special_tokens: 'no' }, 'skip_special_tokens is "no"', 'true or false'],
    [{ include_stop_str_in_output: 0 }, 'include_stop_str_in_output is 0', 'true or false'],
    [{ n: 0 }, 'n is 0', 'from 1 to 128'],
    [{ stream: 'yes' }, 'stream is "yes"', 'true or false'],
    [{ stream: true, stream_options: [] }, 'stream_options is []', 'an object'],
    [
      { stream: true, stream_options: { include_usage: 1 } },
      'stream_options.include_usage is 1',
      'true or false',
    ],
    [{ logprobs: 2 }, 'logprobs is 2', 'true or false'],
    [{ logprobs: true, top_logprobs: 21 }, 'top_logprobs is 21', 'from 0 to 20'],
    [{ prompt_logprobs: -1 }, 'prompt_logprobs is -1', 'from 0 to 20'],
    [{ return_token_ids: 'yes' }, 'return_token_ids is "yes"', 'true or false'],
    [{ prompt_cache_key: '' }, 'prompt_cache_key is ""', 'not empty'],
    [{ model: 5 }, 'model is 5', 'a string'],
    [{ user: {} }, 'user is {}', 'a string'],
    [{ add_generation_prompt: 'no' }, 'add_generation_prompt is "no"', 'true or false'],
    [{ continue_final_message: 1 }, 'continue_final_message is 1', 'true or false'],
    [{ chat_template_kwargs: [] }, 'chat_template_kwargs is []', 'an object'],
    [{ messages: [] }, 'messages is []', 'not empty'],
    [{ messages: 'Hi' }, 'messages is "Hi"', 'an array'],
    [{ messages: null }, 'messages is missing', ''],
    [{ messages: [{ role: 'robot', content: 'x' }] }, 'messages[0].role is "robot"', '"assistant"'],
    [{ messages: [{ content: 'x' }] }, 'messages[0].role is missing', ''],
    [{ messages: [{ role: 'user' }] }, 'messages[0].content is missing', ''],
    [{ messages: [{ role: 'user', content: 5 }] }, 'messages[0].content is 5', 'a string'],
    [
      { messages: [{ role: 'user', content: [{ type: 'text' }] }] },
      'messages[0].content[0].text is missing',
      '',
    ],
    [{ messages: [{ role: 'user', content: [{ text: 'x' }] }] }, 'messages[0].content[0].type is', '"text"'],
  ]
  it.each(wrong)('%j', async (fields, given, expected) => {
    const error = await refused(fields)
    expect(error.code).toBe('invalid-request')
    expect(error.message).toContain(given)
    expect(error.message).toContain(expected)
  })

  const wrongPrompts: [object, string][] = [
    [{ prompt: 5 }, 'prompt is 5'],
    [{ prompt: [] }, 'prompt is []'],
    [{ prompt: [1, 'a'] }, 'prompt is [1,"a"]'],
    [{ prompt: [-1] }, 'prompt is [-1]'],
    [{ prompt: [1.5] }, 'prompt is [1.5]'],
    [{ prompt: [[]] }, 'prompt is [[]]'],
    [{ prompt: null }, 'prompt is missing'],
    [{ max_tokens: -1 }, 'max_tokens is -1'],
    [{ logprobs: true }, 'logprobs is true'],
    [{ logprobs: 21 }, 'logprobs is 21'],
    [{ echo: 'yes' }, 'echo is "yes"'],
  ]
  it.each(wrongPrompts)('%j in completions', async (fields, given) => {
    expect(await refused(fields, completion)).toMatchObject({
      code: 'invalid-request',
      message: expect.stringContaining(given),
    })
  })
})

describe('fields that contradict each other are refused', () => {
  it.each<[object, string]>([
    [{ top_logprobs: 2 }, 'top_logprobs'],
    [{ min_tokens: 5, max_tokens: 4 }, 'min_tokens'],
    [{ max_tokens: 5, max_completion_tokens: 4 }, 'max_completion_tokens'],
    [{ stream_options: { include_usage: true } }, 'stream_options'],
    [{ stream: true, prompt_logprobs: 0 }, 'prompt_logprobs'],
    [{ continue_final_message: true }, 'continue_final_message'],
  ])('%j', async (fields, name) => {
    const error = await refused(fields)
    expect(error.code).toBe('invalid-request')
    expect(error.message).toContain(name)
    expect(error.remedy).not.toBe('')
  })
})

describe('a field that is not built', () => {
  const neutral: Record<string, unknown[]> = {
    add_special_tokens: [false],
    bad_words: [[]],
    best_of: [1],
    documents: [[]],
    echo: [false],
    function_call: ['none', 'auto'],
    functions: [[]],
    include_reasoning: [true],
    length_penalty: [1],
    logits_processors: [[]],
    logprob_token_ids: [[]],
    media_io_kwargs: [{}],
    metadata: [{ app: 'x' }],
    mm_processor_kwargs: [{}],
    modalities: [['text']],
    parallel_tool_calls: [true, false],
    prompt_cache_options: [{}],
    prompt_cache_retention: ['in_memory'],
    response_format: [{ type: 'text' }],
    return_assistant_tokens_mask: [false],
    return_prompt_text: [false],
    return_token_offsets: [false],
    return_tokens_as_token_ids: [false],
    safety_identifier: ['hash'],
    service_tier: ['auto', 'default'],
    spaces_between_special_tokens: [true],
    store: [false],
    suffix: [''],
    thinking_token_budget: [-1],
    tool_choice: ['none', 'auto'],
    tools: [[]],
    use_beam_search: [false],
    verbosity: ['medium'],
    vllm_xargs: [{}],
  }
  const asking = (name: string) => {
    const objects = ['media_io_kwargs', 'mm_processor_kwargs', 'prompt_cache_options', 'vllm_xargs']
    return objects.includes(name) ? { a: 1 } : 31
  }
  const tables = { chat: [chatFields, chat], completion: [completionFields, completion] } as const

  for (const [kind, [fields, send]] of Object.entries(tables)) {
    const names = Object.entries(fields).flatMap(([name, field]) => (field.kind === 'unbuilt' ? [name] : []))

    it.each(names)(`${kind}: %s is accepted where it asks for nothing`, async (name) => {
      for (const value of [null, undefined, ...(neutral[name] ?? [])]) {
        await expect((await send({ [name]: value })).result).resolves.toBeDefined()
      }
    })

    it.each(names)(`${kind}: %s is refused by name where it asks for something`, async (name) => {
      const error = await refused({ [name]: asking(name) }, send)
      expect(error.code).toBe('unsupported-field')
      expect(error.message).toContain(name)
      expect(error.remedy).toContain(name)
    })
  }

  it.each([
    [{ tools: [{ type: 'function', function: { name: 'f' } }] }, 'tools'],
    [{ tool_choice: 'required' }, 'tool_choice'],
    [{ response_format: { type: 'json_object' } }, 'response_format'],
    [
      { messages: [{ role: 'user', content: [{ image_url: { url: '' }, type: 'image_url' }] }] },
      'content[0].type',
    ],
    [{ messages: [{ role: 'assistant', content: null, tool_calls: [{}] }] }, 'messages[0].tool_calls'],
  ])('is refused: %j', async (fields, name) => {
    expect(await refused(fields)).toMatchObject({
      code: 'unsupported-field',
      message: expect.stringContaining(name),
    })
  })
})

describe('an unknown field is refused, with the name that was probably meant', () => {
  it.each([
    [{ temprature: 1 }, 'temprature', 'temperature'],
    [{ maxTokens: 5 }, 'maxTokens', 'max_tokens'],
    [{ messages: [{ role: 'user', contnet: 'x' }] }, 'messages[0].contnet', 'messages[0].content'],
    [
      { stream: true, stream_options: { includeUsage: true } },
      'stream_options.includeUsage',
      'include_usage',
    ],
  ])('%j', async (fields, name, meant) => {
    const error = await refused(fields)
    expect(error).toMatchObject({ code: 'invalid-request', message: `There is no ${name}.` })
    expect(error.remedy).toContain(meant)
  })

  it('and with no guess where none is near', async () => {
    expect((await refused({ wibble: 1 })).remedy).toBe('Leave wibble out.')
  })

  it('also where an object’s prototype has the name', async () => {
    expect((await refused({ constructor: 1 })).code).toBe('invalid-request')
  })

  it('in the options beside the body too', async () => {
    const { engine } = await fakeEngine()
    const create = (options: object) => engine.completions.create({ prompt: 'Hi' }, options)
    expect(await failure(create({ singal: null }))).toMatchObject({ code: 'invalid-option' })
    expect((await failure(create({ signal: 5 }))).message).toContain('an AbortSignal')
    expect((await failure(create({ onPrefill: 5 }))).message).toContain('a function')
  })

  it('and a body that is no object', async () => {
    const { engine } = await fakeEngine()
    const create = (body: unknown) => engine.completions.create(body as CompletionRequest)
    for (const body of [null, undefined, 'Hi', []])
      expect((await failure(create(body))).code).toBe('invalid-request')
  })
})
