// Groups of 32 weights scale·table[q]. Nibbles as in q4_0; of what the scale is made, by type:
//   IQ4_NL: one f16 a group from params.scales on, as in q4_0;
//   IQ4_XS: d·(s − 32); from params.supers on for each 8 groups two words, the file's: d as f16, the high two bits of
//   each group's s, and their low four bits;
//   MXFP4: 2^(e − 128), a byte e a group from params.scales on;
//   NVFP4: s·0.5 for each 16 weights, a byte each from params.scales on, unsigned floats of 4 bits of exponent and 3 of
//   mantissa (e4m3; 0x7f reads as 0).
import package::bindings::{weights, params};
import package::lib::code_tables::{iq4, fp4, low_codes, high_codes};
import package::lib::numbers::{half, Octet};
import package::lib::planes::{word, byte_at, half_at};

@if(nvfp4) const spans = 2u;
@if(!nvfp4) const spans = 1u;
const has_minimum = false;
@if(iq4_xs) const header_groups = 8u;
@if(!iq4_xs) const header_groups = 1u;

@if(iq4_xs) struct Header { d: f32, high: u32, low: u32 }
@if(!iq4_xs) alias Header = u32;

@if(iq4_xs)
fn header(group: u32) -> Header {
  let super_block = params.supers + 2u * (group >> 3u);
  let head = word(super_block);
  return Header(half(head), head >> 16u, word(super_block + 1u));
}

@if(!iq4_xs)
fn header(group: u32) -> Header {
  return group;
}

alias Packed = vec4u;

fn fetch(group: u32) -> Packed {
  return weights[group];
}

@if(mxfp4 || nvfp4)
fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(fp4(low_codes(packed[i])), fp4(high_codes(packed[i])));
}

@if(!mxfp4 && !nvfp4)
fn octet(packed: Packed, i: u32) -> Octet {
  return Octet(iq4(low_codes(packed[i])), iq4(high_codes(packed[i])));
}

@if(iq4_nl)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(half_at(params.scales, group), 0.0);
}

@if(iq4_xs)
fn scale(header: Header, place: u32, span: u32) -> vec2f {
  let s = ((header.low >> (4u * place)) & 15u) | (((header.high >> (2u * place)) & 3u) << 4u);
  return vec2f(header.d * (f32(s) - 32.0), 0.0);
}

// 2^(e − 126). The format has no number for e = 255; 254 has none here: its weights are past 10³⁷.
@if(mxfp4)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(bitcast<f32>(min(byte_at(params.scales, group) + 1u, 254u) << 23u), 0.0);
}

// Twice s: half of four times s.
@if(nvfp4)
fn scale(group: Header, place: u32, span: u32) -> vec2f {
  let bits = byte_at(params.scales, 2u * group + span) & 0x7fu;
  let normal = bitcast<f32>((bits << 20u) + (121u << 23u));
  let finite = select(normal, f32(bits) * 0x1p-8, bits < 8u);
  return vec2f(select(finite, 0.0, bits == 0x7fu), 0.0);
}
