import type { Activation } from '../../src/kernels/activation'

/** erf in doubles: its Taylor series, and beyond 3 the continued fraction of erfc (Abramowitz & Stegun 7.1.5, 7.1.14). */
function erf(x: number): number {
  if (Math.abs(x) > 3) {
    let fraction = 0
    for (let k = 60; k > 0; k--) fraction = k / 2 / (Math.abs(x) + fraction)
    const tail = Math.exp(-x * x) / Math.sqrt(Math.PI) / (Math.abs(x) + fraction)
    return Math.sign(x) * (1 - tail)
  }
  let [sum, term] = [0, x]
  for (let n = 0; n < 80; n++) {
    sum += term / (2 * n + 1)
    term *= -(x * x) / (n + 1)
  }
  return (2 / Math.sqrt(Math.PI)) * sum
}

const logistic = (x: number) => 1 / (1 + Math.exp(-x))

/** An activation of one value in doubles. `constants`: the layer's, for learned numbers. */
export function activate(activation: Activation, x: number, constants: ArrayLike<number> = []): number {
  switch (activation.kind) {
    case 'none':
      return x
    case 'silu':
      return x * logistic(x)
    case 'gelu':
      return 0.5 * x * (1 + erf(x / Math.SQRT2))
    case 'gelu-tanh':
      return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
    case 'relu':
      return Math.max(x, 0)
    case 'relu-squared':
      return x > 0 ? x * x : 0
    case 'quick-gelu':
      return x * logistic(1.702 * x)
    case 'scaled-silu':
      return activation.alpha * x * logistic(activation.alpha * x)
    case 'tanh':
      return Math.tanh(x)
    case 'sigmoid':
      return logistic(x)
    case 'xielu': {
      const [positive, negative, beta] = [0, 1, 2].map((i) => constants[activation.at + i]!)
      return x > 0 ? positive! * x * x + beta! * x : negative! * (Math.expm1(x) - x) + beta! * x
    }
    case 'clamped-swiglu':
      throw new Error('it takes a gate and a value')
  }
}

/** act(gate) · up in doubles. */
export function gated(
  activation: Activation,
  gate: number,
  up: number,
  constants: ArrayLike<number> = [],
): number {
  if (activation.kind !== 'clamped-swiglu') return activate(activation, gate, constants) * up
  const { alpha, limit } = activation
  const low = Math.min(gate, limit)
  return (Math.max(-limit, Math.min(limit, up)) + 1) * low * logistic(alpha * low)
}
