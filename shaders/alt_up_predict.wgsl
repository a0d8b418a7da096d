// One workgroup predicts all streams of a token; a lane owns every workgroup_size-th value of them.
import package::lib::modalities::{find_modalities, coefficient};

var<workgroup> coefficients: array<f32, streams * streams>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * streams * params.stride;
  find_modalities(row + params.main_stream * params.stride, lane);
  for (var c = lane; c < streams * streams; c += workgroup_size) {
    coefficients[c] = coefficient(c);
  }
  workgroupBarrier();
  for (var at = lane; at < streams * params.width; at += workgroup_size) {
    let j = at / params.width;
    let i = at % params.width;
    var sum = 0.0;
    for (var k = 0u; k < streams; k++) {
      sum = fma(coefficients[j * streams + k], x[row + k * params.stride + i], sum);
    }
    let value = x[row + j * params.stride + i] + sum;
    predicted[row + j * params.stride + i] = value;
    if (j == params.main_stream) {
      y[group.x * params.stride + i] = value;
    }
  }
}
