// What groups of rounded rows have beside their values: d, and three sums, as half_rows.wgsl and int8_rows.wgsl write them.
import package::bindings::x;

// Of four tokens: a column each of the four numbers.
fn four_extras(a: vec4u) -> mat4x4f {
  return transpose(mat4x4f(
    bitcast<vec4f>(x[a.x]), bitcast<vec4f>(x[a.y]), bitcast<vec4f>(x[a.z]), bitcast<vec4f>(x[a.w]),
  ));
}
