// One lane a group of 32 values: the integers q that they are d·q of, and what products need of the group beside them. A
// group takes three fours of words: 32 bytes; then d, and d times the sum of all q, of the first 16 and of the others.

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = workgroup.x * workgroup_size + lane;
  if (group >= params.groups) {
    return;
  }
  let begin = workgroup.y * params.x_stride + params.x_offset + 8u * group;
  // Magnitudes as integers: no infinity or NaN is passed over, and the scale tells of it.
  var most = vec4u();
  for (var i = 0u; i < 8u; i++) {
    most = max(most, bitcast<vec4u>(x[begin + i]) & vec4u(0x7fffffffu));
  }
  let greatest = bitcast<f32>(max(max(most.x, most.y), max(most.z, most.w)));
  let levels = select(0.0, 127.0 / greatest, greatest > 1e-30);
  let first = array<vec4i, 4>(four(begin, levels), four(begin + 1u, levels), four(begin + 2u, levels), four(begin + 3u, levels));
  let second =
    array<vec4i, 4>(four(begin + 4u, levels), four(begin + 5u, levels), four(begin + 6u, levels), four(begin + 7u, levels));
  let scale = greatest * (1.0 / 127.0);
  let sums = vec2i(sum_of(first), sum_of(second));
  let to = (workgroup.y * params.groups + group) * 3u;
  y[to] = bytes_of(first);
  y[to + 1u] = bytes_of(second);
  y[to + 2u] = bitcast<vec4u>(scale * vec4f(1.0, f32(sums.x + sums.y), f32(sums.x), f32(sums.y)));
}

fn four(at: u32, levels: f32) -> vec4i {
  return clamp(vec4i(round(x[at] * levels)), vec4i(-127), vec4i(127));
}

fn sum_of(q: array<vec4i, 4>) -> i32 {
  let sums = q[0] + q[1] + q[2] + q[3];
  return sums.x + sums.y + sums.z + sums.w;
}

fn bytes_of(q: array<vec4i, 4>) -> vec4u {
  return vec4u(word_of(q[0]), word_of(q[1]), word_of(q[2]), word_of(q[3]));
}

fn word_of(q: vec4i) -> u32 {
  let bytes = (bitcast<vec4u>(q) & vec4u(255u)) << vec4u(0u, 8u, 16u, 24u);
  return bytes.x | bytes.y | bytes.z | bytes.w;
}
