// Four-bit codes that stand for entries of a fixed table, packed in constants: a driver pays for an array that is
// indexed by a value it does not know.

// IQ4_NL and IQ4_XS: −127, −104, −83, −65, −49, −35, −22, −10, 1, 13, 25, 38, 53, 69, 89, 113, four i8 in a word.
fn iq4(codes: vec4u) -> vec4f {
  let below = select(vec4u(0xbfad9881u), vec4u(0xf6eaddcfu), (codes & vec4u(4u)) != vec4u(0u));
  let above = select(vec4u(0x26190d01u), vec4u(0x71594535u), (codes & vec4u(4u)) != vec4u(0u));
  let four = select(below, above, codes >= vec4u(8u));
  return vec4f(bitcast<vec4i>(four << (vec4u(24u) - 8u * (codes & vec4u(3u)))) >> vec4u(24u));
}

// MXFP4 and NVFP4 (e2m1), a quarter of 0, 1, 2, 3, 4, 6, 8, 12 and their negatives; scales are four times as great, so
// that none is subnormal.
fn fp4(codes: vec4u) -> vec4f {
  let magnitudes = vec4f((vec4u(0xc8643210u) >> (4u * (codes & vec4u(7u)))) & vec4u(15u));
  return magnitudes * select(vec4f(0.25), vec4f(-0.25), codes >= vec4u(8u));
}

fn low_codes(word: u32) -> vec4u {
  return (vec4u(word) >> vec4u(0u, 8u, 16u, 24u)) & vec4u(15u);
}

fn high_codes(word: u32) -> vec4u {
  return (vec4u(word) >> vec4u(4u, 12u, 20u, 28u)) & vec4u(15u);
}

// bitsandbytes' NormalFloat: the quantiles of a normal distribution (Dettmers et al. 2023, arXiv:2305.14314).
fn nf4(codes: vec4u) -> vec4f {
  let below = eighth(codes, vec4f(-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453),
    vec4f(-0.28444138169288635, -0.18477343022823334, -0.09105003625154495, 0.0));
  let above = eighth(codes, vec4f(0.07958029955625534, 0.16093020141124725, 0.24611230194568634, 0.33791524171829224),
    vec4f(0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1.0));
  return select(below, above, codes >= vec4u(8u));
}

fn eighth(codes: vec4u, low: vec4f, high: vec4f) -> vec4f {
  let four = (codes & vec4u(4u)) != vec4u(0u);
  let odd = (codes & vec4u(1u)) != vec4u(0u);
  let even_pair = select(select(vec4f(low.x), vec4f(low.y), odd), select(vec4f(high.x), vec4f(high.y), odd), four);
  let odd_pair = select(select(vec4f(low.z), vec4f(low.w), odd), select(vec4f(high.z), vec4f(high.w), odd), four);
  return select(even_pair, odd_pair, (codes & vec4u(2u)) != vec4u(0u));
}
