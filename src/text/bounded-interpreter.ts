import { Environment, type Interpreter, type Template } from '@huggingface/jinja'
import { LIMITS, TemplateLimitError } from './jinja-values'
import { PythonInterpreter } from './python-interpreter'
import { strftime } from './strftime'

/** Evaluations between two looks at the clock. */
const CLOCK_INTERVAL = 256

type EvaluateArguments = Parameters<Interpreter['evaluate']>

/** An interpreter that stops when a template runs on or makes values that are out of all proportion. */
class BoundedInterpreter extends PythonInterpreter {
  readonly #deadline = performance.now() + LIMITS.ms
  #evaluations = 0

  override evaluate(...given: EvaluateArguments): ReturnType<Interpreter['evaluate']> {
    this.#evaluations++
    if (this.#evaluations > LIMITS.evaluations) throw new TemplateLimitError('it takes too many steps')
    if (this.#evaluations % CLOCK_INTERVAL === 0 && performance.now() > this.#deadline) {
      throw new TemplateLimitError(`it takes more than ${LIMITS.ms / 1000} seconds`)
    }
    const result = super.evaluate(...given)
    const { value } = result
    if (typeof value === 'string' && value.length > LIMITS.characters) {
      throw new TemplateLimitError(`it makes a text of more than ${LIMITS.characters} characters`)
    }
    if (Array.isArray(value) && value.length > LIMITS.items) {
      throw new TemplateLimitError(`it makes a list of more than ${LIMITS.items} items`)
    }
    return result
  }
}

/** `Template.render` of the library within bounds: a template comes from a file that nobody has vouched for. */
export function renderBounded({ parsed }: Template, variables: Readonly<Record<string, unknown>>): string {
  const environment = new Environment()
  const constants = { true: true, false: false, none: null, True: true, False: false, None: null }
  const functions = { raise_exception: raise, range, strftime_now: strftimeNow }
  for (const [name, value] of Object.entries({ ...constants, ...functions, ...variables })) {
    environment.set(name, value)
  }
  return String(new BoundedInterpreter(environment, parsed).run(parsed).value)
}

function raise(message: unknown): never {
  throw new Error(String(message))
}

/** Python's range, as the library has it, but for its length. */
function range(first: number, second?: number, step = 1): number[] {
  const [start, stop] = second === undefined ? [0, first] : [first, second]
  if (step === 0) throw new Error('range() step must not be zero')
  const length = Math.max(0, Math.ceil((stop - start) / step))
  if (!(length <= LIMITS.items)) {
    throw new TemplateLimitError(`it makes a list of more than ${LIMITS.items} items`)
  }
  return Array.from({ length }, (_, i) => start + i * step)
}

function strftimeNow(format: string): string {
  return strftime(new Date(), format)
}
