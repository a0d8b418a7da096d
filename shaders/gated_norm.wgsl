// One workgroup takes one group of one token's row: gate and norm in either order, or the gate alone.
import package::lib::gates::silu;
import package::lib::reduce::workgroup_sum;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y * params.x_stride + group.x * params.width;
  let gates = group.y * params.gate_stride + params.gate_offset
    + group.x / params.gate_run * params.gate_run_stride + group.x % params.gate_run * params.width;
  let weights = params.weight_offset + group.x * params.weight_stride;
  let to = group.y * params.y_stride + group.x * params.width;
  var norm = params.scale;
  if (normed) {
    var squares = 0.0;
    for (var i = lane; i < params.width; i += workgroup_size) {
      var value = x[row + i];
      if (gate_first) {
        value *= silu(gate[gates + i] * params.gate_scale);
      }
      squares = fma(value, value, squares);
    }
    norm *= inverseSqrt(workgroup_sum(squares, lane) / f32(params.width) + params.eps);
  }
  for (var i = lane; i < params.width; i += workgroup_size) {
    var value = x[row + i] * silu(gate[gates + i] * params.gate_scale) * norm;
    if (normed) {
      value *= constants[weights + i];
    }
    y[to + i] = value;
  }
}
