// Which rows of the matrix a lane owns, and what becomes of their sums. In the gated form the first half of the rows is
// the gate and the second half the up projection, or with `interleaved` they take turns: a lane takes matching rows of
// both. With `experts` the matrix is a stack of such matrices, of params.rows each.
import package::bindings::{
  params, constants, activation, gated, interleaved, experts, biased, scaled, capped, residual, y
};
import package::lib::activation::{activate, gated_by};
import package::lib::special_functions::hyperbolic_tangent;

// Row i of the four that lane number `lane` owns, kept inside the matrix.
fn owned_row(lane: u32, i: u32) -> u32 {
  if (gated) {
    return half_row(min(2u * lane + i % 2u, params.rows / 2u - 1u), i >= 2u);
  }
  return min(4u * lane + i, params.rows - 1u);
}

fn owned_rows(lane: u32) -> vec4u {
  return vec4u(owned_row(lane, 0u), owned_row(lane, 1u), owned_row(lane, 2u), owned_row(lane, 3u));
}

// Row `row` of the gate, or of the up projection.
fn half_row(row: u32, up: bool) -> u32 {
  if (interleaved) {
    return 2u * row + u32(up);
  }
  return row + select(0u, params.rows / 2u, up);
}

// An expert whose rows are in another shard.
fn elsewhere(expert: u32) -> bool {
  return expert < params.first_expert || expert - params.first_expert >= params.shard_experts;
}

// First row of an expert's matrix in the shard.
fn first_row(expert: u32) -> u32 {
  if (experts) {
    return (expert - params.first_expert) * params.rows;
  }
  return 0u;
}

// Where in x what an entry of the routes reads begins.
fn x_places_of(entries: vec4u) -> vec4u {
  if (experts) {
    let rows = entries / params.x_repeats;
    return rows * params.x_stride + (entries - rows * params.x_repeats) * params.x_step + params.x_offset;
  }
  return entries * params.x_stride + params.x_offset;
}

@if(biased)
fn with_bias(sum: f32, expert: u32, row: u32) -> f32 {
  return sum + constants[params.bias_at + expert * params.rows + row];
}

@if(!biased)
fn with_bias(sum: f32, expert: u32, row: u32) -> f32 {
  return sum;
}

// Row `row` of each half, by their sums.
fn store_gated(y_row: u32, expert: u32, row: u32, gate_sum: f32, up_sum: f32) {
  if (row >= params.rows / 2u) {
    return;
  }
  var gate = with_bias(gate_sum, expert, half_row(row, false));
  if (scaled) {
    gate *= params.scale;
  }
  put(y_row, row, gated_by(gate, with_bias(up_sum, expert, half_row(row, true) + params.bias_skip)));
}

fn store(y_row: u32, expert: u32, row: u32, sum: f32) {
  if (row >= params.rows) {
    return;
  }
  var value = activate(with_bias(sum, expert, row));
  if (scaled && !residual) {
    value *= params.scale;
  }
  if (capped) {
    value = params.cap * hyperbolic_tangent(value / params.cap);
  }
  put(y_row, row, value);
}

fn put(y_row: u32, row: u32, value: f32) {
  let at = y_row * params.y_stride + params.y_offset + row;
  if (residual && scaled) {
    y[at] = fma(params.scale, value, y[at]);
  } else if (residual) {
    y[at] += value;
  } else {
    y[at] = value;
  }
}

// Stores the sums of four rows; in the gated form two of the gate and two of the up projection.
fn store_rows(y_row: u32, expert: u32, owner: u32, sums: vec4f) {
  if (gated) {
    store_gated(y_row, expert, 2u * owner, sums.x, sums.z);
    store_gated(y_row, expert, 2u * owner + 1u, sums.y, sums.w);
  } else {
    store(y_row, expert, 4u * owner, sums.x);
    store(y_row, expert, 4u * owner + 1u, sums.y);
    store(y_row, expert, 4u * owner + 2u, sums.z);
    store(y_row, expert, 4u * owner + 3u, sums.w);
  }
}
