/**
 * Activation functions, by the number that a kernel's constant `activation` has; shaders/lib/activation.wgsl computes them.
 *
 * - silu: x · sigmoid(x)   (Elfwing et al. 2017, arXiv:1702.03118)
 * - gelu: x · Φ(x); gelu-tanh: its approximation by tanh; quick-gelu: x · sigmoid(1.702 x)   (Hendrycks & Gimpel 2016,
 *   arXiv:1606.08415)
 * - scaled-silu: silu(alpha · x)
 * - relu-squared: max(x, 0)²   (So et al. 2021, arXiv:2109.08668)
 * - xielu: α_p x² + βx above 0, α_n (eˣ − 1 − x) + βx below   (Huang & Schlag 2024, arXiv:2411.13010)
 * - clamped-swiglu: of gate and up only: (clamp(up) + 1) · gate · sigmoid(alpha · gate), gate clamped above; gpt-oss
 */
const numbers = {
  none: 0,
  silu: 1,
  gelu: 2,
  'gelu-tanh': 3,
  relu: 4,
  'relu-squared': 5,
  'quick-gelu': 6,
  tanh: 7,
  sigmoid: 8,
  xielu: 9,
  'clamped-swiglu': 10,
  'scaled-silu': 11,
} as const

type Kind = keyof typeof numbers

/** An activation with its numbers. */
export type Activation =
  | { readonly kind: Exclude<Kind, 'xielu' | 'clamped-swiglu' | 'scaled-silu'> }
  /** `at`: where the layer's constants have α_p, α_n and β, already through softplus. */
  | { readonly kind: 'xielu'; readonly at: number }
  | { readonly kind: 'scaled-silu'; readonly alpha: number }
  | { readonly kind: 'clamped-swiglu'; readonly alpha: number; readonly limit: number }

/** The params that a kernel with an activation has. */
export const activationParams = { activation_at: 'u32', alpha: 'f32', limit: 'f32' } as const

/** The constant and the params that make a kernel compute an activation. */
export function activates(activation: Activation): {
  readonly constants: { readonly activation: number }
  readonly params: Readonly<Record<keyof typeof activationParams, number>>
} {
  return {
    constants: { activation: numbers[activation.kind] },
    params: {
      activation_at: activation.kind === 'xielu' ? activation.at : 0,
      alpha: 'alpha' in activation ? activation.alpha : 0,
      limit: activation.kind === 'clamped-swiglu' ? activation.limit : 0,
    },
  }
}
