// Plain f32 weights, 32 words a group.
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
  let at = 8u * group + 2u * i;
  return Octet(bitcast<vec4f>(weights[at]), bitcast<vec4f>(weights[at + 1u]));
}

fn scale(group: Header, place: u32, span: u32) -> vec2f {
  return vec2f(1.0, 0.0);
}
