// One workgroup normalizes one row. Each lane sums squares of every workgroup_size-th value,
// the partial sums meet in shared memory, and the second walk writes.
import package::lib::reduce::workgroup_sum;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * params.stride;
  var squares = 0.0;
  for (var i = lane; i < params.hidden; i += workgroup_size) {
    squares = fma(x[row + i], x[row + i], squares);
  }
  let scale = inverseSqrt(workgroup_sum(squares, lane) / f32(params.hidden) + params.eps);
  for (var i = lane; i < params.hidden; i += workgroup_size) {
    y[row + i] = x[row + i] * scale * weight[params.weight_offset + i];
  }
}
