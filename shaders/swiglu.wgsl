// One lane a value: y[t, i] = silu(x[t, i]) · x[t, width + i], for gate and up projections of different tensor types.
// Below −80 silu is nothing, and e^−gate may not become infinite: compilers may assume that it does not.
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * workgroup_size + lane;
  if (i >= params.width) {
    return;
  }
  let row = group.y * params.width;
  let gate = x[2u * row + i];
  y[group.y * params.y_stride + i] = gate / (1.0 + exp(min(-gate, 80.0))) * x[2u * row + params.width + i];
}
