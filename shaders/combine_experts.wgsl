// One lane a value: what a token's experts gave, summed in the order of their shares.
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let i = group.x * workgroup_size + lane;
  if (i >= params.width) {
    return;
  }
  let first = group.y * top;
  var sum = 0.0;
  for (var k = 0u; k < top; k++) {
    sum = fma(shares[first + k], parts[(first + k) * params.parts_stride + i], sum);
  }
  let at = group.y * params.y_stride + i;
  if (residual) {
    y[at] = fma(params.scale, sum, y[at]);
  } else {
    y[at] = params.scale * sum;
  }
}
