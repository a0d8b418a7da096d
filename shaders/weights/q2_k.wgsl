// Groups of 32 weights, a scale for each 16: (d·s)·q − dmin·m of Q2_K, or with `third` (d·(s − 32))·(q − 4) of Q3_K.
// Planes, one after another:
//   low two bits, 2 words a group as the high bits of q6_k; a third bit from params.high on as in q5;
//   scales from params.scales on: of Q2_K two bytes a group, s low and m high; of Q3_K for each 8 groups 3 words, the
//   file's: the low nibbles of bytes 0 to 7 are the low bits of s of the first eight 16s, their high nibbles those of the
//   other eight; bits 2k and 2k + 1 of byte 8 + i are the high bits of the (4k + i)th;
//   from params.supers on, for each 8 groups, d and dmin in a word, or d alone, two in a word; all f16.
import package::bindings::params;
import package::lib::numbers::{half, Octet};
import package::lib::planes::{word, byte_at, half_at};

const spans = 2u;
@if(third) const has_minimum = false;
@if(!third) const has_minimum = true;

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
fn octet(packed: Packed, i: u32) -> Octet {
  let low = packed.low[i >> 1u] >> (4u * (i & 1u));
  let high = packed.high >> (2u * i);
  let first = (low & 0x03030303u) | ((high & 0x01010101u) << 2u);
  let second = ((low >> 2u) & 0x03030303u) | ((high & 0x02020202u) << 1u);
  return Octet(vec4f(unpack4xU8(first)) - 4.0, vec4f(unpack4xU8(second)) - 4.0);
}

@if(!third)
fn octet(packed: Packed, i: u32) -> Octet {
  let low = packed.low[i >> 1u] >> (4u * (i & 1u));
  return Octet(vec4f(unpack4xU8(low & 0x03030303u)), vec4f(unpack4xU8((low >> 2u) & 0x03030303u)));
}

@if(third)
fn scale(group: u32, span: u32) -> vec2f {
  let j = 2u * (group & 7u) + span;
  let begin = params.scales + 3u * (group >> 3u);
  let low = (word(begin + ((j >> 2u) & 1u)) >> (8u * (j & 3u) + 4u * (j >> 3u))) & 15u;
  let high = (word(begin + 2u) >> (8u * (j & 3u) + 2u * (j >> 2u))) & 3u;
  return vec2f(half_at(params.supers, group >> 3u) * (f32(low | (high << 4u)) - 32.0), 0.0);
}

@if(!third)
fn scale(group: u32, span: u32) -> vec2f {
  let both = byte_at(params.scales, 2u * group + span);
  let supers = word(params.supers + (group >> 3u));
  return vec2f(half(supers) * f32(both & 15u), -(half(supers >> 16u) * f32(both >> 4u)));
}
