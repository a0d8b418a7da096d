// One lane a value: a gate and the value beside it become one.
import package::lib::activation::gated_by;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * workgroup_size + lane;
  if (i >= params.width) {
    return;
  }
  let row = group.y * params.x_stride + params.x_offset;
  let gate = x[row + i / params.part * params.part_stride + i % params.part * params.step];
  let at = group.y * params.y_stride + i;
  if (in_place) {
    y[at] = gated_by(gate, y[at]);
  } else {
    y[at] = gated_by(gate, x[row + params.width + i]);
  }
}
