// One workgroup takes one token; a lane owns every workgroup_size-th column of all its rows.
import package::lib::reduce::workgroup_sum;

fn put(token: u32, stream: u32, i: u32, value: f32) {
  if (averaged) {
    let at = token * params.stride + i;
    let before = select(y[at], 0.0, stream == 0u);
    let sum = before + value;
    y[at] = select(sum, sum / f32(streams), stream + 1u == streams);
  } else {
    y[(token * streams + stream) * params.stride + i] = value;
  }
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let width = f32(params.width);
  var squares = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    let value = x[group.x * params.x_stride + i];
    squares = fma(value, value, squares);
    put(group.x, 0u, i, value);
  }
  let magnitude = sqrt(workgroup_sum(squares, lane) / width);
  for (var stream = 1u; stream < streams; stream++) {
    let row = (group.x * streams + stream) * params.stride;
    var own = 0.0;
    for (var i = lane; i < params.width; i += workgroup_size) {
      own = fma(projected[row + i], projected[row + i], own);
    }
    let factor = magnitude / sqrt(max(workgroup_sum(own, lane) / width, params.floor));
    for (var i = lane; i < params.width; i += workgroup_size) {
      put(group.x, stream, i, projected[row + i] * factor);
    }
  }
}
