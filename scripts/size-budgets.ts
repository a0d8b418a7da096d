/** What a chat with a llama or a Qwen downloads, in kB after gzip: `index.js` and `worker.js`. */
export const chatKb = 148.5

/** Files of the library and how many kB each may have after gzip; a file that is not named fails. */
export const budgetKb: Readonly<Record<string, number>> = {
  // What an app's own bundle grows by.
  'index.js': 13.3,
  // The engine: the worker's script, or the same for a thread without one.
  'worker.js': 135.2,
  'service.js': 134.6,
  'rolldown-runtime.js': 0.2,
}

/** What the engine fetches for models and calls that need it: `worker-NAME.js`, or `NAME.js` beside `service.js`. */
export const partKb: Readonly<Record<string, number>> = {
  cases: 7.2,
  conversations: 3.2,
  encoders: 8.8,
  experts: 2.6,
  families: 10.8,
  inspect: 2.6,
  integers: 5.2,
  latent: 1.2,
  profile: 1.9,
  proof: 15.2,
  quantized: 6.3,
  recurrent: 5.1,
  safetensors: 6.7,
  streams: 3.7,
  tables: 5.4,
}
