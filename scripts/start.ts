import { parseArgs } from 'node:util'
import { built, demo } from './built.ts'
import { serveDemo } from './demo-server.ts'
import { demoModel } from './model.ts'

/**
 * npm start [-- --port 8080]
 *
 * Gets the default model once, builds the demo where it changed, and serves both on this machine. PORT names the port
 * too; where it is taken, the next free one is used.
 */
const { values } = parseArgs({ options: { port: { type: 'string' } } })

try {
  const port = Number(values.port ?? process.env.PORT ?? 8080)
  if (!Number.isInteger(port) || port < 0 || port > 65535) {
    throw new Error(`The port is '${values.port ?? process.env.PORT}'; it must be a number from 0 to 65535.`)
  }
  const endpoint = (process.env.HF_ENDPOINT ?? 'https://huggingface.co').replace(/\/+$/, '')
  const model = await demoModel(endpoint)
  await built(demo)
  const server = await serveDemo(model, port)
  const stop = () => {
    void server.close().finally(() => process.exit(0))
  }
  process.once('SIGINT', stop)
  process.once('SIGTERM', stop)
  console.log(`\nThe model: ${model.repo}:${model.tag}, from ${model.origin}`)
  console.log(`The demo:  ${server.url}\n\nCtrl-C ends it.`)
} catch (error) {
  console.error(`\n${(error as Error).message}`)
  process.exit(1)
}
