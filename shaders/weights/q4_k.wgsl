// Groups of 32 weights (d·s)·q − dmin·m, of Q4_K, or of Q5_K with `fifth`. Planes, one after another:
//   nibbles, 4 words a group as in q4_0;
//   scales from params.scales on: for each 8 groups 4 words as the file has them: d low and dmin high, both f16, then
//   12 bytes of six-bit pairs (s, m): bytes 0 to 3 end in s of groups 0 to 3, bytes 4 to 7 in their m, bytes 8 to 11 are
//   the low nibbles of s and of m of groups 4 to 7, whose two high bits top bytes 0 to 3 and 4 to 7;
//   high bits from params.high on: a word a group as in q5.
import package::bindings::{weights, params};
import package::lib::numbers::{half, low_nibbles, high_nibbles, Octet};
@if(fifth) import package::lib::planes::word;

const spans = 1u;
const has_minimum = true;
const middle = 0u;
@if(fifth) const most_code = 31u;
@if(!fifth) const most_code = 15u;
const header_groups = 8u;

struct Header { d: f32, minus_dmin: f32, pairs: vec3u }

@if(fifth) struct Packed { low: vec4u, high: u32 }
@if(!fifth) struct Packed { low: vec4u }

@if(fifth)
fn fetch(group: u32) -> Packed {
  return Packed(weights[group], word(params.high + group));
}

@if(!fifth)
fn fetch(group: u32) -> Packed {
  return Packed(weights[group]);
}

@if(fifth)
fn octet(packed: Packed, i: u32) -> Octet {
  let both = codes(packed, i);
  return Octet(vec4f(unpack4xU8(both.x)), vec4f(unpack4xU8(both.y)));
}

@if(fifth)
fn codes(packed: Packed, i: u32) -> vec2u {
  let low = packed.low[i];
  let high = packed.high >> (2u * i);
  let first = (low & 0x0f0f0f0fu) | ((high & 0x01010101u) << 4u);
  let second = ((low >> 4u) & 0x0f0f0f0fu) | ((high & 0x02020202u) << 3u);
  return vec2u(first, second);
}

@if(!fifth)
fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(low_nibbles(packed.low[i]), high_nibbles(packed.low[i]));
}

@if(!fifth)
fn codes(packed: Packed, i: u32) -> vec2u {
  return vec2u(packed.low[i], packed.low[i] >> 4u) & vec2u(0x0f0f0f0fu);
}

fn header(group: u32) -> Header {
  let words = weights[(params.scales >> 2u) + (group >> 3u)];
  return Header(half(words.x), -half(words.x >> 16u), words.yzw);
}

fn scale(header: Header, place: u32, span: u32) -> vec2f {
  let bytes = header.pairs >> vec3u(8u * (place & 3u));
  let late = (place & 4u) != 0u;
  let s = select(bytes.x & 63u, (bytes.z & 15u) | ((bytes.x >> 2u) & 48u), late);
  let m = select(bytes.y & 63u, ((bytes.z >> 4u) & 15u) | ((bytes.y >> 2u) & 48u), late);
  return vec2f(header.d * f32(s), header.minus_dmin * f32(m));
}
