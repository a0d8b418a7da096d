// Products of weights and activations that are integers of eight bits, summed exactly, whichever way a device takes.
// `packed_dot`: a word has four integers, and four products are summed at once.
// Else a word has two, w0 + 2¹⁶·w1 of weights and x1 + 2¹⁶·x0 of activations: the product of both is
// w0·x1 + 2¹⁶·(w0·x0 + w1·x1) modulo 2³², so one multiplication gives the sum of two products, as long as both parts stay
// within 16 bits.
import package::bindings::packed_dot;
import package::weights::{Packed, codes, middle, most_code};
import package::lib::numbers::bytes_less;

// Words of eight integers.
const octet_words = select(4u, 2u, packed_dot);
// How many octets' products one word can sum, up to two; 0: only those of two integers.
const summable = min(32767u / (8u * 127u * most_code), 2u);

alias OctetWords = array<u32, octet_words>;

// The weights of an octet.
@if(packed_dot)
fn weight_words(packed: Packed, i: u32) -> OctetWords {
  let both = codes(packed, i);
  return OctetWords(four_less(both.x), four_less(both.y));
}

@if(packed_dot)
fn four_less(four: u32) -> u32 {
  return select(bytes_less(four, middle), four ^ 0x80808080u, middle == 128u);
}

@if(!packed_dot)
fn weight_words(packed: Packed, i: u32) -> OctetWords {
  let both = codes(packed, i);
  let less = vec2u(0x00010001u * middle);
  let first = ((vec2u(both.x) >> vec2u(0u, 8u)) & vec2u(0x00ff00ffu)) - less;
  let second = ((vec2u(both.y) >> vec2u(0u, 8u)) & vec2u(0x00ff00ffu)) - less;
  return OctetWords(first.x, first.y, second.x, second.y);
}

// Sixteen activations, as words of four bytes hold them.
alias Sixteen = array<vec4u, octet_words / 2u>;

@if(packed_dot)
fn sixteen(bytes: vec4u) -> Sixteen {
  return Sixteen(bytes);
}

@if(!packed_dot)
fn sixteen(bytes: vec4u) -> Sixteen {
  let signed = bitcast<vec4i>(bytes);
  let even = ((signed << vec4u(24u)) >> vec4u(8u)) + ((signed << vec4u(8u)) >> vec4u(24u));
  let odd = (((signed << vec4u(16u)) >> vec4u(24u)) << vec4u(16u)) + (signed >> vec4u(24u));
  return Sixteen(bitcast<vec4u>(even), bitcast<vec4u>(odd));
}

// Word k of octet 0 or 1 of sixteen activations.
@if(packed_dot)
fn activation_word(x: Sixteen, octet: u32, k: u32) -> u32 {
  return x[0][2u * octet + k];
}

@if(!packed_dot)
fn activation_word(x: Sixteen, octet: u32, k: u32) -> u32 {
  return x[k & 1u][2u * octet + (k >> 1u)];
}

@if(packed_dot)
fn products(a: vec4u, b: vec4u) -> vec4i {
  return vec4i(dot4I8Packed(a.x, b.x), dot4I8Packed(a.y, b.y), dot4I8Packed(a.z, b.z), dot4I8Packed(a.w, b.w));
}

@if(!packed_dot)
fn products(a: vec4u, b: vec4u) -> vec4i {
  return bitcast<vec4i>(a * b);
}

// What a sum of the products of that many octets stands for, or of 0: of one word. Each sum passes here by the time that a
// word can hold no more, once.
@if(packed_dot)
fn whole(sum: vec4i, octets: u32) -> vec4i {
  return sum;
}

@if(!packed_dot)
fn whole(sum: vec4i, octets: u32) -> vec4i {
  if (octets == summable) {
    return (sum + vec4i(0x8000)) >> vec4u(16u);
  }
  return sum;
}
