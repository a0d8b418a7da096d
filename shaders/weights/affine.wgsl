// Weights of the quantizations that safetensors repos have: s·(q − z), s·q + b or s·table[q], with q of code_bits bits,
// from 2 to 8. Planes, one after another:
//   codes, code_bits words a group of 32: one stream of bits, from the low bits on;
//   scales from params.scales on, zeros or biases from params.supers on, each for scale_groups groups of a row (and
//   scale_rows rows; 0: all of the matrix), row after row; zeros of zero_bits bits, the others as scale_kind says;
//   with `ordered`, from params.table on, the number of each column's scale in its row: GPTQ's act-order.
// For scale_kind 3 scales are bytes i and stand for map[i]·d + offset: d from params.supers on, f32, for 256 scales each,
// the 256 numbers of map and offset from params.table on (bitsandbytes' double quantization).
import package::bindings::{weights, params, code_bits, number_kind, number_offset, scale_kind, scale_groups, scale_rows, zero_bits, zero_plus};
import package::lib::code_tables::nf4;
import package::lib::numbers::{half, signed_bytes, Octet};
import package::lib::planes::word;

const spans = 1u;
@if(ordered) const has_minimum = false;
@if(!ordered) const has_minimum = zero_bits != 0u;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

@if(nibbles) alias Packed = vec4u;
@if(bytes) struct Packed { first: vec4u, second: vec4u }
@if(stream) alias Packed = u32;

@if(nibbles)
fn fetch(group: u32) -> Packed {
  return weights[group];
}

@if(bytes)
fn fetch(group: u32) -> Packed {
  return Packed(weights[2u * group], weights[2u * group + 1u]);
}

@if(stream)
fn fetch(group: u32) -> Packed {
  return group;
}

@if(nibbles)
fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(numbers(packed[i]), numbers(packed[i] >> 16u));
}

@if(bytes)
fn octet(packed: Packed, i: u32) -> Octet {
  let four = select(packed.first, packed.second, i >= 2u);
  let two = select(four.xy, four.zw, (i & 1u) == 1u);
  return Octet(numbers(two.x), numbers(two.y));
}

@if(stream)
fn octet(group: Packed, i: u32) -> Octet {
  let at = group * code_bits + code_bits * i / 4u;
  let pair = vec2u(word(at), word(at + 1u));
  let shift = 8u * (code_bits * i % 4u);
  let low = numbers(bits_from(pair, shift));
  let high = numbers(bits_from(pair, shift + 4u * code_bits));
  return dequantized(Octet(low, high), group, i);
}

@if(stream)
fn bits_from(pair: vec2u, shift: u32) -> u32 {
  if (shift == 0u) {
    return pair.x;
  }
  return select((pair.x >> shift) | (pair.y << (32u - shift)), pair.y >> (shift - 32u), shift >= 32u);
}

@if(stream && !ordered)
fn dequantized(numbers: Octet, group: u32, i: u32) -> Octet {
  return numbers;
}

@if(stream && ordered)
fn dequantized(numbers: Octet, group: u32, i: u32) -> Octet {
  let row = group / params.groups;
  let first = params.table + (group % params.groups) * 16u + 4u * i;
  return Octet(
    in_columns(numbers.low, row, word(first), word(first + 1u)),
    in_columns(numbers.high, row, word(first + 2u), word(first + 3u)),
  );
}

// Four weights of columns whose scales are the numbers in two words.
@if(stream && ordered)
fn in_columns(q: vec4f, row: u32, first: u32, second: u32) -> vec4f {
  let own = row * (params.groups / scale_groups);
  let a = affine(own + (first & 0xffffu));
  let b = affine(own + (first >> 16u));
  let c = affine(own + (second & 0xffffu));
  let d = affine(own + (second >> 16u));
  return fma(vec4f(a.x, b.x, c.x, d.x), q, vec4f(a.y, b.y, c.y, d.y));
}

// The numbers that four codes from the lowest bit on stand for.
fn numbers(bits: u32) -> vec4f {
  if (number_kind == 1u) {
    return signed_bytes(bits);
  }
  let codes = (vec4u(bits) >> vec4u(0u, code_bits, 2u * code_bits, 3u * code_bits)) & vec4u((1u << code_bits) - 1u);
  if (number_kind == 2u) {
    return e4m3(codes);
  }
  if (number_kind == 3u) {
    return nf4(codes);
  }
  return vec4f(codes) - f32(number_offset);
}

// Floats of a sign, 4 bits of exponent and 3 of mantissa, without infinities; subnormals by way of integers.
fn e4m3(codes: vec4u) -> vec4f {
  let magnitudes = codes & vec4u(0x7fu);
  let normal = bitcast<vec4f>((magnitudes << vec4u(20u)) + vec4u(120u << 23u));
  let values = select(normal, vec4f(magnitudes) * 0x1p-9, magnitudes < vec4u(8u));
  return select(values, -values, codes >= vec4u(128u));
}

fn float_at(plane: u32, index: u32) -> f32 {
  if (scale_kind == 2u) {
    return bitcast<f32>(word(plane + index));
  }
  let bits = word(plane + (index >> 1u)) >> (16u * (index & 1u));
  if (scale_kind == 1u) {
    return bitcast<f32>(bits << 16u);
  }
  return half(bits);
}

fn scale_at(index: u32) -> f32 {
  if (scale_kind == 3u) {
    let code = (word(params.scales + (index >> 2u)) >> (8u * (index & 3u))) & 255u;
    let entry = bitcast<f32>(word(params.table + code));
    return fma(entry, bitcast<f32>(word(params.supers + (index >> 8u))), bitcast<f32>(word(params.table + 256u)));
  }
  if (scale_kind == 4u) {
    // bitsandbytes' int8: the greatest magnitude of a row.
    return bitcast<f32>(word(params.scales + index)) * (1.0 / 127.0);
  }
  return float_at(params.scales, index);
}

// s, and what is added to s·q.
fn affine(index: u32) -> vec2f {
  let s = scale_at(index);
  if (zero_bits == 0u) {
    return vec2f(s, 0.0);
  }
  if (zero_bits == 16u) {
    return vec2f(s, float_at(params.supers, index));
  }
  let bit = index * zero_bits;
  let zero = (word(params.supers + bit / 32u) >> (bit % 32u)) & ((1u << zero_bits) - 1u);
  return vec2f(s, -s * f32(zero + zero_plus));
}

@if(ordered)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}

@if(!ordered)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  if (scale_rows == 0u) {
    return affine(0u);
  }
  if (scale_rows == 1u) {
    return affine(group / scale_groups);
  }
  let row_scales = (params.groups + scale_groups - 1u) / scale_groups;
  return affine(group / params.groups / max(scale_rows, 1u) * row_scales + group % params.groups / scale_groups);
}
