// Small numbers out of packed words, exactly.

// Eight consecutive weights.
struct Octet { low: vec4f, high: vec4f }

// The f16 in the low 16 bits, subnormals included: a device may flush those in unpack2x16float.
fn half(word: u32) -> f32 {
  let magnitude = word & 0x7fffu;
  let sign = (word & 0x8000u) << 16u;
  // Infinity and NaN have the greatest exponent in both formats.
  let bias = select(0x38000000u, 0x70000000u, magnitude >= 0x7c00u);
  let normal = bitcast<f32>(((magnitude << 13u) + bias) | sign);
  let subnormal = bitcast<f32>(bitcast<u32>(f32(magnitude) * 0x1p-24) | sign);
  return select(normal, subnormal, magnitude < 0x0400u);
}

fn halves(first: u32, second: u32) -> vec4f {
  return vec4f(half(first), half(first >> 16u), half(second), half(second >> 16u));
}

fn low_nibbles(word: u32) -> vec4f {
  return vec4f((vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u));
}

fn high_nibbles(word: u32) -> vec4f {
  return vec4f((vec4u(word) >> vec4u(4u, 12u, 20u, 28u)) & vec4u(15u));
}

// Four bytes, none of them 128 or more, each less the same.
fn bytes_less(word: u32, offset: u32) -> u32 {
  return ((word | 0x80808080u) - 0x01010101u * offset) ^ 0x80808080u;
}

fn signed_bytes(word: u32) -> vec4f {
  return vec4f(unpack4xI8(word));
}
