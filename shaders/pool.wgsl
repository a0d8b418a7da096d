// One workgroup makes one vector of a sequence's rows. A lane owns every workgroup_size-th column and takes its rows in
// order; it normalizes what it has written itself.
import package::lib::reduce::workgroup_sum;

// Places in `poolings`.
const cls = 1u;
const last = 2u;
const greatest = 3u;
const weighted_mean = 4u;
const mean_sqrt = 5u;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let first = batch[params.sequences_at + 2u * group.x];
  let rows = batch[params.sequences_at + 2u * group.x + 1u];
  let at = group.x * params.y_stride;
  var squares = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    let value = pooled(first, rows, i);
    y[at + i] = value;
    squares = fma(value, value, squares);
  }
  if (normalized) {
    // As torch.nn.functional.normalize: a vector of zeros stays one.
    let length = max(sqrt(workgroup_sum(squares, lane)), 1e-12);
    for (var i = lane; i < params.width; i += workgroup_size) {
      y[at + i] /= length;
    }
  }
}

fn pooled(first: u32, rows: u32, column: u32) -> f32 {
  let begin = first * params.stride + column;
  if (pooling == cls) {
    return x[begin];
  }
  if (pooling == last) {
    return x[begin + (rows - 1u) * params.stride];
  }
  if (pooling == greatest) {
    var most = x[begin];
    for (var row = 1u; row < rows; row++) {
      most = max(most, x[begin + row * params.stride]);
    }
    return most;
  }
  var sum = 0.0;
  for (var row = 0u; row < rows; row++) {
    let value = x[begin + row * params.stride];
    if (pooling == weighted_mean) {
      sum = fma(f32(row + 1u), value, sum);
    } else {
      sum += value;
    }
  }
  let count = f32(rows);
  if (pooling == weighted_mean) {
    return sum / (count * (count + 1.0) / 2.0);
  }
  if (pooling == mean_sqrt) {
    return sum / sqrt(count);
  }
  return sum / count;
}
