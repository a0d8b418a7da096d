// Raw bytes of a file as they lie in a staging buffer, at any alignment, and the planes they go to.
import package::bindings::{raw, planes};

fn raw_word(byte: u32) -> u32 {
  let word = byte / 4u;
  let shift = 8u * (byte % 4u);
  if (shift == 0u) {
    return raw[word];
  }
  return (raw[word] >> shift) | (raw[word + 1u] << (32u - shift));
}

// Two lanes, or two dispatches, may own the halves of one word; the planes start as zeros.
fn put_half(plane: u32, index: u32, value: u32) {
  atomicOr(&planes[plane + index / 2u], (value & 0xffffu) << (16u * (index % 2u)));
}

// The same of the four bytes of a word; the value's low eight bits.
fn put_byte(plane: u32, index: u32, value: u32) {
  atomicOr(&planes[plane + index / 4u], (value & 0xffu) << (8u * (index % 4u)));
}
