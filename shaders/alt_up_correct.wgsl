// One workgroup corrects all streams of a token; a lane owns every workgroup_size-th value of them.
import package::lib::modalities::{find_modalities, coefficient};

var<workgroup> coefficients: array<f32, streams>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let own = group.x * params.stride;
  let row = group.x * streams * params.stride;
  find_modalities(own, lane);
  for (var j = lane; j < streams; j += workgroup_size) {
    coefficients[j] = 1.0 + coefficient(j);
  }
  workgroupBarrier();
  for (var at = lane; at < streams * params.width; at += workgroup_size) {
    let j = at / params.width;
    let i = at % params.width;
    let innovation = x[own + i] - predicted[row + params.main_stream * params.stride + i];
    let value = fma(coefficients[j], innovation, predicted[row + j * params.stride + i]);
    corrected[row + j * params.stride + i] = value;
    if (j == params.main_stream) {
      if (output_scaled) {
        y[own + i] = value * constants[params.scale_at + i];
      } else {
        y[own + i] = value;
      }
    }
  }
}
