// Which rows of the matrix a lane owns, and what becomes of their sums. In the gated form the first half of the matrix
// is the gate and the second half the up projection: a lane takes matching rows of both.
import package::bindings::{params, constants, activation, gated, biased, scaled, capped, residual, y};
import package::lib::activation::{activate, gated_by};
import package::lib::special_functions::hyperbolic_tangent;

// Row i of the `count` that lane number `lane` owns, kept inside the matrix.
fn owned_row(lane: u32, i: u32, count: u32) -> u32 {
  if (gated) {
    let pairs = count / 2u;
    let row = min(lane * pairs + i % pairs, params.rows / 2u - 1u);
    return row + select(0u, params.rows / 2u, i >= pairs);
  }
  return min(lane * count + i, params.rows - 1u);
}

@if(biased)
fn with_bias(sum: f32, row: u32) -> f32 {
  return sum + constants[params.bias_at + row];
}

@if(!biased)
fn with_bias(sum: f32, row: u32) -> f32 {
  return sum;
}

// Row `row` of each half, by their sums.
fn store_gated(token: u32, row: u32, gate_sum: f32, up_sum: f32) {
  let outputs = params.rows / 2u;
  if (row >= outputs) {
    return;
  }
  var gate = with_bias(gate_sum, row);
  if (scaled) {
    gate *= params.scale;
  }
  put(token, row, gated_by(gate, with_bias(up_sum, outputs + row)));
}

fn store(token: u32, row: u32, sum: f32) {
  if (row >= params.rows) {
    return;
  }
  var value = activate(with_bias(sum, row));
  if (scaled && !residual) {
    value *= params.scale;
  }
  if (capped) {
    value = params.cap * hyperbolic_tangent(value / params.cap);
  }
  put(token, row, value);
}

fn put(token: u32, row: u32, value: f32) {
  let at = token * params.y_stride + params.y_offset + row;
  if (residual && scaled) {
    y[at] = fma(params.scale, value, y[at]);
  } else if (residual) {
    y[at] += value;
  } else {
    y[at] = value;
  }
}
