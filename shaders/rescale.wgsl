// One lane a value.

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * workgroup_size + lane;
  if (i >= params.width) {
    return;
  }
  let at = group.y * params.stride + i;
  var value = y[at];
  if (added) {
    value += x[at];
  }
  if (learned) {
    y[at] = constants[params.scale_at] * value;
  } else {
    y[at] = params.scale * value;
  }
}
