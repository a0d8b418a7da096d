// Groups of 32 weights d·(2s + 1)·unit·grid·sign. An entry of the grid has 8 weights of IQ2, 4 of IQ3 (`four`), a byte
// each, from params.table on. d from params.supers on: an f16 for each 8 groups, two in a word. The rest as in the file:
//   xxs: indices of 8 bits; a word has 7 signs for each 8 weights and s on top. Of IQ2 indices and that word take turns, of
//   IQ3 the latter are from params.signs on;
//   xs: 16 bits for each 8 weights, an index of 9 bits and 7 signs; s from params.scales on, a nibble for each 16 weights;
//   else: low 8 bits of the indices; a word of signs a group from params.signs on; a byte of the indices' high bits a group
//   from params.high on; s from params.scales on, a nibble for each 16 weights of IQ2, for each group of IQ3.
// An eighth sign that is not there makes the number of minus signs even.
import package::bindings::params;
import package::lib::numbers::Octet;
import package::lib::planes::{word, byte_at, half_at};

@if(xxs || four) const spans = 1u;
@if(!xxs && !four) const spans = 2u;
const has_minimum = false;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

@if(!four) const unit = 0.125;
@if(four && xxs) const unit = 0.25;
@if(four && !xxs) const unit = 1.0;

struct Packed { index: vec2u, signs: u32, high: u32 }

@if(xxs && !four)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(2u * group)), word(2u * group + 1u), 0u);
}

@if(xxs && four)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(2u * group), word(2u * group + 1u)), word(params.signs + group), 0u);
}

@if(xs)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(2u * group), word(2u * group + 1u)), 0u, 0u);
}

@if(!xxs && !xs && !four)
fn fetch(group: u32) -> Packed {
  return Packed(vec2u(word(group)), word(params.signs + group), byte_at(params.high, group));
}

@if(!xxs && !xs && four)
fn fetch(group: u32) -> Packed {
  let index = vec2u(word(2u * group), word(2u * group + 1u));
  return Packed(index, word(params.signs + group), byte_at(params.high, group));
}

fn even(seven: u32) -> u32 {
  return seven | (countOneBits(seven) << 7u);
}

@if(xxs)
fn signs(packed: Packed, i: u32) -> u32 {
  return even((packed.signs >> (7u * i)) & 127u);
}

@if(xs)
fn signs(packed: Packed, i: u32) -> u32 {
  return even((packed.index[i >> 1u] >> (16u * (i & 1u) + 9u)) & 127u);
}

@if(!xxs && !xs)
fn signs(packed: Packed, i: u32) -> u32 {
  return packed.signs >> (8u * i);
}

// Four magnitudes with the signs of the lowest four bits, 1 for minus.
fn signed(magnitudes: u32, minus: u32) -> vec4f {
  let sign = (vec4u(minus) << vec4u(31u, 30u, 29u, 28u)) & vec4u(0x80000000u);
  return bitcast<vec4f>(bitcast<vec4u>(vec4f(unpack4xU8(magnitudes))) | sign);
}

@if(xs)
fn index(packed: Packed, i: u32) -> u32 {
  return (packed.index[i >> 1u] >> (16u * (i & 1u))) & 511u;
}

@if(!xs && !four)
fn index(packed: Packed, i: u32) -> u32 {
  return ((packed.index.x >> (8u * i)) & 255u) | (((packed.high >> (2u * i)) & 3u) << 8u);
}

@if(!four)
fn octet(packed: Packed, i: u32) -> Octet {
  let entry = params.table + 2u * index(packed, i);
  let minus = signs(packed, i);
  return Octet(signed(word(entry), minus), signed(word(entry + 1u), minus >> 4u));
}

@if(four)
fn octet(packed: Packed, i: u32) -> Octet {
  let low = packed.index[i >> 1u] >> (16u * (i & 1u));
  let high = packed.high >> (2u * i);
  let first = (low & 255u) | ((high & 1u) << 8u);
  let second = ((low >> 8u) & 255u) | ((high & 2u) << 7u);
  let minus = signs(packed, i);
  return Octet(signed(word(params.table + first), minus), signed(word(params.table + second), minus >> 4u));
}

@if(xxs && !four)
fn s(group: u32, span: u32) -> u32 {
  return word(2u * group + 1u) >> 28u;
}

@if(xxs && four)
fn s(group: u32, span: u32) -> u32 {
  return word(params.signs + group) >> 28u;
}

@if(!xxs)
fn s(group: u32, span: u32) -> u32 {
  let nibble = spans * group + span;
  return (byte_at(params.scales, nibble >> 1u) >> (4u * (nibble & 1u))) & 15u;
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(half_at(params.supers, group >> 3u) * unit * f32(2u * s(group, span) + 1u), 0.0);
}
