// bf16 weights, two in a word, 16 words a group: each is the high half of an f32.
import package::bindings::weights;
import package::lib::numbers::Octet;

const spans = 1u;
const has_minimum = false;
const header_groups = 1u;

alias Header = u32;

fn header(group: u32) -> Header {
  return group;
}

alias Packed = u32;

fn fetch(group: u32) -> Packed {
  return group;
}

fn octet(group: Packed, i: u32) -> Octet {
  let words = weights[4u * group + i];
  let even = bitcast<vec4f>(words << vec4u(16u));
  let odd = bitcast<vec4f>(words & vec4u(0xffff0000u));
  return Octet(vec4f(even.x, odd.x, even.y, odd.y), vec4f(even.z, odd.z, even.w, odd.w));
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}
