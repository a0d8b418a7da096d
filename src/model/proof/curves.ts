import { type Activation, activates } from '../../kernels/activation'

/** What activations with numbers of their own are told; the three of xielu lie in the constants. */
export const numbers = { alpha: 1.25, limit: 1.5 } as const
export const xielu = [0.5, 0.25, 0.75] as const

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x))

/** The integral of the normal distribution, but for 1e-7 (Abramowitz & Stegun 7.1.26). */
function normal(x: number): number {
  const t = 1 / (1 + (0.3275911 * Math.abs(x)) / Math.SQRT2)
  const series = [1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592]
  const tail = 0.5 * Math.exp((-x * x) / 2) * series.reduce((sum, factor) => (sum + factor) * t, 0)
  return x < 0 ? tail : 1 - tail
}

const [positive, negative, beta] = xielu
const curves: { readonly [Kind in Exclude<Activation['kind'], 'clamped-swiglu'>]: (x: number) => number } = {
  none: (x) => x,
  silu: (x) => x * sigmoid(x),
  gelu: (x) => x * normal(x),
  'gelu-tanh': (x) => x * sigmoid(2 * Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)),
  relu: (x) => Math.max(x, 0),
  'relu-squared': (x) => Math.max(x, 0) ** 2,
  'quick-gelu': (x) => x * sigmoid(1.702 * x),
  tanh: Math.tanh,
  sigmoid,
  xielu: (x) => (x > 0 ? positive * x * x : negative * (Math.expm1(x) - x)) + beta * x,
  'scaled-silu': (x) => numbers.alpha * x * sigmoid(numbers.alpha * x),
}

/** By the number that a kernel is compiled with. */
const curveOf = new Map(
  Object.entries(curves).map(([kind, curve]) => [
    activates({ kind, at: 0, alpha: 0 } as Activation).constants.activation,
    curve,
  ]),
)

export function isQuadratic(activation: number): boolean {
  return curveOf.get(activation) === curves['relu-squared'] || curveOf.get(activation) === curves.xielu
}

/** What a value becomes, in doubles. */
export function activated(activation: number, x: number): number {
  return curveOf.get(activation)!(x)
}

/** act(gate) · up, or what stands for it, in doubles. */
export function gatedBy(activation: number, gate: number, up: number): number {
  const curve = curveOf.get(activation)
  if (curve) return curve(gate) * up
  const { alpha, limit } = numbers
  const low = Math.min(gate, limit)
  return (Math.max(-limit, Math.min(limit, up)) + 1) * low * sigmoid(alpha * low)
}
