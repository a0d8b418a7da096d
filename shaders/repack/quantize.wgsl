// One lane takes one group of 32 raw weights, F32 with `wide`, else BF16 with `bfloat`, else F16, and quantizes it to
// Q8_0 with `bytes`, to Q4_1, or with `supers` to Q4_K, whose eight groups of a block share two f16 scales.
//
// Four bits: some ranges that are narrower than the group's own are tried; each gives codes, which have a scale and a
// minimum of least squared error in closed form; the range whose error is least wins.
import package::bindings::{params, planes};
import package::lib::floats::half_bits;
import package::lib::numbers::half;
import package::lib::raw::{put_half, raw_word};

@if(supers) var<workgroup> fits: array<Fit, workgroup_size>;

// Weights scale·code + minimum.
struct Fit { scale: f32, minimum: f32 }

fn quad(begin: u32, i: u32) -> vec4f {
  if (wide) {
    let at = begin + 16u * i;
    return bitcast<vec4f>(vec4u(raw_word(at), raw_word(at + 4u), raw_word(at + 8u), raw_word(at + 12u)));
  }
  let first = raw_word(begin + 8u * i);
  let second = raw_word(begin + 8u * i + 4u);
  if (bfloat) {
    return bitcast<vec4f>(vec4u(first << 16u, first & 0xffff0000u, second << 16u, second & 0xffff0000u));
  }
  return vec4f(half(first), half(first >> 16u), half(second), half(second >> 16u));
}

// Zeros where the scale is zero.
fn codes(x: vec4f, fit: Fit) -> vec4f {
  let inverse = select(0.0, 1.0 / fit.scale, fit.scale > 0.0);
  return clamp(round((x - fit.minimum) * inverse), vec4f(0.0), vec4f(15.0));
}

fn fit_group(begin: u32) -> Fit {
  var low = 0.0;
  var high = 0.0;
  var sum = 0.0;
  for (var i = 0u; i < 8u; i++) {
    let x = quad(begin, i);
    low = min(low, min(min(x.x, x.y), min(x.z, x.w)));
    high = max(high, max(max(x.x, x.y), max(x.z, x.w)));
    sum += dot(x, vec4f(1.0));
  }
  var best = Fit(0.0, 0.0);
  var best_gain = -1.0;
  for (var trial = 0u; trial < 8u; trial++) {
    let range = (high - low) * (1.05 - 0.05 * f32(trial));
    let tried = Fit(range / 15.0, 0.5 * (high + low - range));
    // Sums over the group: of codes, of their squares, of weights times codes.
    var sums = vec3f(0.0);
    for (var i = 0u; i < 8u; i++) {
      let x = quad(begin, i);
      let q = codes(x, tried);
      sums += vec3f(dot(q, vec4f(1.0)), dot(q, q), dot(x, q));
    }
    let determinant = 32.0 * sums.y - sums.x * sums.x;
    let solvable = determinant > 0.5;
    var scale = select(0.0, (32.0 * sums.z - sums.x * sum) / determinant, solvable);
    var minimum = (sum - scale * sums.x) / 32.0;
    if (minimum > 0.0 || !solvable) {
      // Q4_K has no minimum above zero. Without a code above zero, the weights are one, or nearly.
      minimum = select(min(sum / 32.0, 0.0), 0.0, sums.y > 0.0);
      scale = select(0.0, sums.z / sums.y, sums.y > 0.0);
    }
    // What the fit takes from the sum of squares.
    let gain = scale * sums.z + minimum * sum;
    if (gain > best_gain) {
      best_gain = gain;
      best = Fit(scale, minimum);
    }
  }
  return best;
}

fn put_nibbles(group: u32, begin: u32, fit: Fit) {
  for (var w = 0u; w < 4u; w++) {
    let low = vec4u(codes(quad(begin, 2u * w), fit));
    let high = vec4u(codes(quad(begin, 2u * w + 1u), fit));
    atomicStore(&planes[group * 4u + w], bytes_word(low | (high << vec4u(4u))));
  }
}

fn put_signed_bytes(group: u32, begin: u32) {
  var greatest = 0.0;
  for (var i = 0u; i < 8u; i++) {
    let x = abs(quad(begin, i));
    greatest = max(greatest, max(max(x.x, x.y), max(x.z, x.w)));
  }
  let scale = half_bits(greatest / 127.0);
  let inverse = select(0.0, 1.0 / half(scale), half(scale) > 0.0);
  put_half(params.scales, group, scale);
  for (var i = 0u; i < 8u; i++) {
    let q = clamp(round(quad(begin, i) * inverse), vec4f(-127.0), vec4f(127.0));
    atomicStore(&planes[group * 8u + i], bytes_word(bitcast<vec4u>(vec4i(q)) & vec4u(255u)));
  }
}

fn bytes_word(bytes: vec4u) -> u32 {
  return bytes.x | (bytes.y << 8u) | (bytes.z << 16u) | (bytes.w << 24u);
}

@compute @workgroup_size(workgroup_size)
fn main(
  @builtin(global_invocation_id) id: vec3u,
  @builtin(num_workgroups) grid: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let index = id.y * grid.x * workgroup_size + id.x;
  let live = index < params.count * select(1u, 8u, supers);
  let begin = params.source + index * select(64u, 128u, wide);
  let group = (params.base + params.first) * select(1u, 8u, supers) + index;
  if (bytes) {
    if (live) {
      put_signed_bytes(group, begin);
    }
    return;
  }
  var fit = Fit(0.0, 0.0);
  if (live) {
    fit = fit_group(begin);
  }
  @if(supers) fit = share(fit, lane, group, live);
  if (!supers && live) {
    let scale = half_bits(fit.scale);
    let minimum = half_bits(fit.minimum);
    fit = Fit(half(scale), half(minimum));
    atomicStore(&planes[params.scales + group], scale | (minimum << 16u));
  }
  if (live) {
    put_nibbles(group, begin, fit);
  }
}

// Writes the scales of a block as shaders/weights/q4_k.wgsl has them; this group's fit by them.
@if(supers)
fn share(fit: Fit, lane: u32, group: u32, live: bool) -> Fit {
  fits[lane] = fit;
  workgroupBarrier();
  let j = lane % 8u;
  var scale = 0.0;
  var minimum = 0.0;
  for (var i = 0u; i < 8u; i++) {
    let other = fits[lane - j + i];
    scale = max(scale, other.scale);
    minimum = max(minimum, -other.minimum);
  }
  let d = half_bits(scale / 63.0);
  let dmin = half_bits(minimum / 63.0);
  let s = six_bits(fit.scale, half(d));
  let m = six_bits(-fit.minimum, half(dmin));
  if (live) {
    let at = params.scales + group / 8u * 4u;
    let byte = 8u * (j % 4u);
    if (j < 4u) {
      atomicOr(&planes[at + 1u], s << byte);
      atomicOr(&planes[at + 2u], m << byte);
    } else {
      atomicOr(&planes[at + 1u], (s >> 4u) << (byte + 6u));
      atomicOr(&planes[at + 2u], (m >> 4u) << (byte + 6u));
      atomicOr(&planes[at + 3u], ((s & 15u) | ((m & 15u) << 4u)) << byte);
    }
    if (j == 0u) {
      atomicStore(&planes[at], d | (dmin << 16u));
    }
  }
  return Fit(half(d) * f32(s), -(half(dmin) * f32(m)));
}

@if(supers)
fn six_bits(value: f32, unit: f32) -> u32 {
  return u32(clamp(round(select(0.0, value / unit, unit > 0.0)), 0.0, 63.0));
}
