/**
 * Serves on this thread what the worker serves on its own, for a `GPU` object, which cannot cross to a worker.
 *
 * The engine's code is fetched only when this is called: a page that uses the worker never loads it twice.
 */
export async function serveInThread(gpu: GPU): Promise<MessagePort> {
  const { serve } = await import('./service')
  const { port1, port2 } = new MessageChannel()
  serve(port2, gpu)
  return port1
}
