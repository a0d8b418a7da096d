// Which rows of the matrix a lane owns, and what becomes of their sums. In the gated form (swiglu) the first half
// of the matrix is the gate and the second half the up projection: a lane takes matching rows of both.
import package::bindings::{params, swiglu, y, residual};

// Row i of the `count` that lane number `lane` owns, kept inside the matrix.
fn owned_row(lane: u32, i: u32, count: u32) -> u32 {
  if (swiglu) {
    let pairs = count / 2u;
    let row = min(lane * pairs + i % pairs, params.rows / 2u - 1u);
    return row + select(0u, params.rows / 2u, i >= pairs);
  }
  return min(lane * count + i, params.rows - 1u);
}

// silu(gate) · up   (Shazeer 2020, arXiv:2002.05202). Below −80 silu is nothing, and e^−gate may not become infinite.
fn gated(gate: f32, up: f32) -> f32 {
  return gate / (1.0 + exp(min(-gate, 80.0))) * up;
}

fn store(token: u32, row: u32, limit: u32, value: f32) {
  if (row < limit) {
    let at = token * params.y_stride + params.y_offset + row;
    if (residual) {
      y[at] += value;
    } else {
      y[at] = value;
    }
  }
}
