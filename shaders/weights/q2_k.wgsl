// Groups of 32 weights, a scale for each 16: (d·s)·q − dmin·m of Q2_K, or with `third` (d·(s − 32))·(q − 4) of Q3_K.
// Planes, one after another:
//   low two bits, 2 words a group as the high bits of q6_k; a third bit from params.high on as in q5;
//   scales from params.scales on: of Q2_K two bytes a group, s low and m high; of Q3_K for each 8 groups 3 words, the
//   file's: the low nibbles of bytes 0 to 7 are the low bits of s of the first eight 16s, their high nibbles those of the
//   other eight; bits 2k and 2k + 1 of byte 8 + i are the high bits of the (4k + i)th;
//   from params.supers on, for each 8 groups, d and dmin in a word, or d alone, two in a word; all f16.
import package::bindings::{weights, params};
import package::lib::numbers::{half, Octet};
import package::lib::planes::{word, half_at};

const spans = 2u;
@if(third) const has_minimum = false;
@if(!third) const has_minimum = true;
@if(third) const middle = 4u;
@if(!third) const middle = 0u;
@if(third) const most_code = 4u;
@if(!third) const most_code = 3u;
const header_groups = 8u;

// Scales of a block as bytes, in their order.
@if(third) struct Header { d: f32, scales: vec4u }
@if(!third) struct Header { d: f32, minus_dmin: f32, scales: vec4u }

@if(third) struct Packed { low: vec2u, high: u32 }
@if(!third) struct Packed { low: vec2u }

@if(third)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(2u * group), word(2u * group + 1u)), word(params.high + group));
}

@if(!third)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(2u * group), word(2u * group + 1u)));
}

@if(third)
fn codes(packed: Packed, i: u32) -> vec2u {
  let low = packed.low[i >> 1u] >> (4u * (i & 1u));
  let high = packed.high >> (2u * i);
  let first = (low & 0x03030303u) | ((high & 0x01010101u) << 2u);
  let second = ((low >> 2u) & 0x03030303u) | ((high & 0x02020202u) << 1u);
  return vec2u(first, second);
}

@if(!third)
fn codes(packed: Packed, i: u32) -> vec2u {
  let low = packed.low[i >> 1u] >> (4u * (i & 1u));
  return vec2u(low, low >> 2u) & vec2u(0x03030303u);
}

@if(!third)
fn octet(packed: Packed, i: u32) -> Octet {
  let low = vec4u(packed.low[i >> 1u]);
  let shifts = vec4u(0u, 8u, 16u, 24u) + 4u * (i & 1u);
  return Octet(vec4f((low >> shifts) & vec4u(3u)), vec4f((low >> (shifts + 2u)) & vec4u(3u)));
}

@if(third)
fn octet(packed: Packed, i: u32) -> Octet {
  let both = codes(packed, i);
  return Octet(vec4f(unpack4xU8(both.x)) - f32(middle), vec4f(unpack4xU8(both.y)) - f32(middle));
}

@if(third)
fn header(group: u32) -> Header {
  let block = group >> 3u;
  let begin = params.scales + 3u * block;
  let lows = vec2u(word(begin), word(begin + 1u));
  let nibbles = vec4u(lows, lows >> vec2u(4u)) & vec4u(0x0f0f0f0fu);
  let tops = (vec4u(word(begin + 2u)) >> vec4u(0u, 2u, 4u, 6u)) & vec4u(0x03030303u);
  return Header(half_at(params.supers, block), nibbles | (tops << vec4u(4u)));
}

@if(!third)
fn header(group: u32) -> Header {
  let block = group >> 3u;
  let supers = word(params.supers + block);
  return Header(half(supers), -half(supers >> 16u), weights[(params.scales >> 2u) + block]);
}

@if(third)
fn scale(header: Header, place: u32, span: u32) -> vec2f {
  let s = (header.scales[place >> 1u] >> (16u * (place & 1u) + 8u * span)) & 255u;
  return vec2f(header.d * (f32(s) - 32.0), 0.0);
}

@if(!third)
fn scale(header: Header, place: u32, span: u32) -> vec2f {
  let both = header.scales[place >> 1u] >> (16u * (place & 1u) + 8u * span);
  return vec2f(header.d * f32(both & 15u), header.minus_dmin * f32((both >> 4u) & 15u));
}
