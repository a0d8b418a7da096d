// One workgroup copies one row: y[i, :] = x[batch[rows_at + i], :].
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = batch[params.rows_at + group.x];
  for (var i = lane; i < params.width; i += workgroup_size) {
    y[group.x * params.width + i] = x[row * params.width + i];
  }
}
