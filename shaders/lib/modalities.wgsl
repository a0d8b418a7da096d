// How much of each stream's coefficients a token takes: tanh(R · norm(x) / width), for the row of x at `row`.
import package::bindings::{constants, params, streams, workgroup_size, x};
import package::lib::reduce::workgroup_sum;
import package::lib::special_functions::hyperbolic_tangent;

var<workgroup> modalities: array<f32, streams>;

fn find_modalities(row: u32, lane: u32) {
  var squares = 0.0;
  for (var i = lane; i < params.width; i += workgroup_size) {
    squares = fma(x[row + i], x[row + i], squares);
  }
  let width = f32(params.width);
  let scale = inverseSqrt(workgroup_sum(squares, lane) / width + params.eps) / width;
  for (var m = 0u; m < streams; m++) {
    let router = params.router_at + m * params.width;
    var sum = 0.0;
    for (var i = lane; i < params.width; i += workgroup_size) {
      sum = fma(x[row + i] * constants[params.norm_at + i], constants[router + i], sum);
    }
    let routed = workgroup_sum(sum, lane) * scale;
    if (lane == 0u) {
      modalities[m] = hyperbolic_tangent(routed);
    }
  }
  workgroupBarrier();
}

// Row `row` of the coefficients' matrix times the modalities.
fn coefficient(row: u32) -> f32 {
  var sum = 0.0;
  for (var m = 0u; m < streams; m++) {
    sum = fma(constants[params.coefs_at + row * streams + m], modalities[m], sum);
  }
  return sum;
}
