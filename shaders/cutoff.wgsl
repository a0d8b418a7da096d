// One workgroup takes one row; a lane owns every workgroup_size-th value.
import package::lib::reduce::workgroup_sum;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * params.stride;
  let width = f32(params.width);
  var sum = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    sum += y[row + i];
  }
  let mean = workgroup_sum(sum, lane) / width;
  var squares = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    let value = y[row + i] - mean;
    squares = fma(value, value, squares);
  }
  let least = fma(params.deviations, sqrt(workgroup_sum(squares, lane) / width), mean);
  for (var i = lane; i < params.width; i += workgroup_size) {
    y[row + i] = max(y[row + i] - least, 0.0);
  }
}
