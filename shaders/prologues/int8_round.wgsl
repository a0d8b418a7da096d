// Rounds rows to integers: of each group of 32 values the q that they are d·q of, and what products need of the group beside
// them. A group takes three fours of words: 32 bytes; then d, and d times the sum of all q, of the first 16 and of the others.
import package::bindings::{params, workgroup_size};
@if(!normalizes && !combines) import package::bindings::x;
@if(normalizes) import package::prologues::normalize::prepare;
@if(combines) import package::prologues::combine::prepare;
import package::inputs::staged::{staged, made_quad};

const group_fours = 3u;
// From one group of a row in workgroup memory to the next: a row that a prologue has made is rounded in its place.
@if(normalizes || combines) const staged_fours = 8u;
@if(!normalizes && !combines) const staged_fours = group_fours;

struct GroupWords { first: vec4u, second: vec4u, extras: vec4u }

// Puts a token's row into workgroup memory, rounded: the one that a prologue makes, or the one that begins there in storage.
fn prepare_rounded(token: u32, begin: u32, lane: u32) {
  @if(normalizes || combines) { prepare(token, lane); }
  for (var group = lane; group < params.groups; group += workgroup_size) {
    let words = rounded_group(begin, group);
    let to = staged_fours * group;
    staged[to] = words.first;
    staged[to + 1u] = words.second;
    staged[to + 2u] = words.extras;
  }
  workgroupBarrier();
}

@if(normalizes || combines)
fn rounded_group(begin: u32, group: u32) -> GroupWords {
  let at = 8u * group;
  return rounded(
    array<vec4f, 4>(made_quad(at), made_quad(at + 1u), made_quad(at + 2u), made_quad(at + 3u)),
    array<vec4f, 4>(made_quad(at + 4u), made_quad(at + 5u), made_quad(at + 6u), made_quad(at + 7u)),
  );
}

@if(!normalizes && !combines)
fn rounded_group(begin: u32, group: u32) -> GroupWords {
  let at = begin + 8u * group;
  return rounded(
    array<vec4f, 4>(x[at], x[at + 1u], x[at + 2u], x[at + 3u]),
    array<vec4f, 4>(x[at + 4u], x[at + 5u], x[at + 6u], x[at + 7u]),
  );
}

// The values are passed as they were read, once: a CPU driver pays for loads.
fn rounded(a: array<vec4f, 4>, b: array<vec4f, 4>) -> GroupWords {
  let most = max(greatest_of(a), greatest_of(b));
  let greatest = bitcast<f32>(max(max(most.x, most.y), max(most.z, most.w)));
  let levels = select(0.0, 127.0 / greatest, greatest > 1e-30);
  let first = array<vec4i, 4>(four(a[0], levels), four(a[1], levels), four(a[2], levels), four(a[3], levels));
  let second = array<vec4i, 4>(four(b[0], levels), four(b[1], levels), four(b[2], levels), four(b[3], levels));
  let scale = greatest * (1.0 / 127.0);
  let sums = vec2i(sum_of(first), sum_of(second));
  let extras = scale * vec4f(1.0, f32(sums.x + sums.y), f32(sums.x), f32(sums.y));
  return GroupWords(bytes_of(first), bytes_of(second), bitcast<vec4u>(extras));
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
