// One workgroup normalizes one part of a row. Each lane sums squares of every workgroup_size-th value, the partial sums
// meet in shared memory, and the last walk writes.
import package::lib::reduce::workgroup_sum;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * params.x_stride + params.x_offset + group.y * params.width;
  let to = group.x * params.y_stride + params.y_offset + group.y * params.width;
  let weight = params.weight_offset + group.y * params.weight_stride;
  let bias = params.bias_offset + group.y * params.weight_stride;
  var mean = 0.0;
  if (centered) {
    var sum = 0.0;
    for (var i = lane; i < params.width; i += workgroup_size) {
      sum += x[row + i];
    }
    mean = workgroup_sum(sum, lane) / f32(params.width);
  }
  var squares = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    let value = centered_at(row + i, mean);
    squares = fma(value, value, squares);
  }
  let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(params.width) + params.eps);
  for (var i = lane; i < params.width; i += workgroup_size) {
    var value = centered_at(row + i, mean) * scale;
    if (weighted) {
      value *= constants[weight + i];
    }
    if (biased) {
      value += constants[bias + i];
    }
    if (residual) {
      y[to + i] = fma(params.scale, value, y[to + i]);
    } else {
      y[to + i] = value;
    }
  }
}

@if(centered)
fn centered_at(at: u32, mean: f32) -> f32 {
  return x[at] - mean;
}

@if(!centered)
fn centered_at(at: u32, mean: f32) -> f32 {
  return x[at];
}
