// One lane a group of 32 values: the integers q that they are d·q of, and what products need of the group beside them. A
// group takes three fours of words: 32 bytes; then d, and d times the sum of all q, of the first 16 and of the others.
// Where a prologue makes the row, one workgroup rounds all of it.
@if(normalizes || combines) import package::inputs::staged::staged;
@if(normalizes) import package::prologues::normalize::prepare;
@if(combines) import package::prologues::combine::prepare;

@if(normalizes || combines)
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  prepare(workgroup.y, lane);
  for (var group = lane; group < params.groups; group += workgroup_size) {
    let at = 8u * group;
    round_group(
      workgroup.y * params.groups + group,
      array<vec4f, 4>(staged[at], staged[at + 1u], staged[at + 2u], staged[at + 3u]),
      array<vec4f, 4>(staged[at + 4u], staged[at + 5u], staged[at + 6u], staged[at + 7u]),
    );
  }
}

@if(!normalizes && !combines)
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = workgroup.x * workgroup_size + lane;
  if (group >= params.groups) {
    return;
  }
  let at = workgroup.y * params.x_stride + params.x_offset + 8u * group;
  round_group(
    workgroup.y * params.groups + group,
    array<vec4f, 4>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]),
    array<vec4f, 4>(x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]),
  );
}

// The values are passed as they were read, once: a CPU driver pays for loads.
fn round_group(group: u32, a: array<vec4f, 4>, b: array<vec4f, 4>) {
  let most = max(greatest_of(a), greatest_of(b));
  let greatest = bitcast<f32>(max(max(most.x, most.y), max(most.z, most.w)));
  let levels = select(0.0, 127.0 / greatest, greatest > 1e-30);
  let first = array<vec4i, 4>(four(a[0], levels), four(a[1], levels), four(a[2], levels), four(a[3], levels));
  let second = array<vec4i, 4>(four(b[0], levels), four(b[1], levels), four(b[2], levels), four(b[3], levels));
  let scale = greatest * (1.0 / 127.0);
  let sums = vec2i(sum_of(first), sum_of(second));
  let to = 3u * group;
  y[to] = bytes_of(first);
  y[to + 1u] = bytes_of(second);
  y[to + 2u] = bitcast<vec4u>(scale * vec4f(1.0, f32(sums.x + sums.y), f32(sums.x), f32(sums.y)));
}

// Magnitudes as integers: no infinity or NaN is passed over, and the scale tells of it.
fn greatest_of(values: array<vec4f, 4>) -> vec4u {
  return max(
    max(magnitudes(values[0]), magnitudes(values[1])),
    max(magnitudes(values[2]), magnitudes(values[3])),
  );
}

fn magnitudes(values: vec4f) -> vec4u {
  return bitcast<vec4u>(values) & vec4u(0x7fffffffu);
}

fn four(values: vec4f, levels: f32) -> vec4i {
  return clamp(vec4i(round(values * levels)), vec4i(-127), vec4i(127));
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
