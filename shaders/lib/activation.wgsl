// Activation functions by the numbers of src/kernels/activation.ts, each with its source there. The kernel has
// the constant `activation`; what is not chosen compiles to nothing.
import package::bindings::{activation, constants, params};
import package::lib::special_functions::{sigmoid, hyperbolic_tangent, normal_distribution};

const silu = 1u;
const gelu = 2u;
const gelu_tanh = 3u;
const relu = 4u;
const relu_squared = 5u;
const quick_gelu = 6u;
const tangent = 7u;
const logistic = 8u;
const xielu = 9u;
const clamped = 10u;
const scaled_silu = 11u;

// Below −80 silu is nothing, and e^−x may not become infinite.
fn activate(x: f32) -> f32 {
  switch (activation) {
    case silu: { return x / (1.0 + exp(min(-x, 80.0))); }
    case gelu: { return x * normal_distribution(x); }
    case gelu_tanh: {
      let inner = 0.7978845608 * fma(0.044715 * x, x * x, x);
      return 0.5 * x * (1.0 + hyperbolic_tangent(inner));
    }
    case relu: { return max(x, 0.0); }
    case relu_squared: { return max(x, 0.0) * max(x, 0.0); }
    case quick_gelu: { return x * sigmoid(1.702 * x); }
    case tangent: { return hyperbolic_tangent(x); }
    case logistic: { return sigmoid(x); }
    case scaled_silu: { return params.alpha * x * sigmoid(params.alpha * x); }
    case xielu: { return expanded_integral_elu(x); }
    default: { return x; }
  }
}

// α_p x² + βx above 0 and α_n (e^x − 1 − x) + βx below; `constants` holds α_p, α_n and β.
fn expanded_integral_elu(x: f32) -> f32 {
  let at = params.activation_at;
  let linear = constants[at + 2u] * x;
  let below = min(x, 0.0);
  // e^x − 1 − x by its series near 0, where the differences would cancel.
  var series = fma(x, 1.0 / 40320.0, 1.0 / 5040.0);
  series = fma(x, series, 1.0 / 720.0);
  series = fma(x, series, 1.0 / 120.0);
  series = fma(x, series, 1.0 / 24.0);
  series = fma(x, series, 1.0 / 6.0);
  series = fma(x, series, 0.5);
  let bent = select(exp(max(below, -80.0)) - 1.0 - below, x * x * series, x > -0.5);
  return select(fma(constants[at + 1u], bent, linear), fma(constants[at] * x, x, linear), x > 0.0);
}

// What a gate and the value beside it become: act(gate) · up   (Shazeer 2020, arXiv:2002.05202).
fn gated_by(gate: f32, up: f32) -> f32 {
  if (activation == clamped) {
    let low = min(gate, params.limit);
    return (clamp(up, -params.limit, params.limit) + 1.0) * (low * sigmoid(params.alpha * low));
  }
  return activate(gate) * up;
}
