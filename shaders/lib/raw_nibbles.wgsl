// Raw nibbles to the kernels' order: byte i of word w holds weights 8w + i (low) and 8w + 4 + i (high) of a group.
import package::bindings::planes;
import package::lib::raw::raw_word;

// 16 bytes, of which byte i holds weights i and i + 16.
fn put_group(group: u32, begin: u32) {
  for (var w = 0u; w < 2u; w++) {
    let a = raw_word(begin + 8u * w);
    let b = raw_word(begin + 8u * w + 4u);
    atomicStore(&planes[group * 4u + w], (a & 0x0f0f0f0fu) | ((b & 0x0f0f0f0fu) << 4u));
    atomicStore(&planes[group * 4u + 2u + w], ((a >> 4u) & 0x0f0f0f0fu) | (b & 0xf0f0f0f0u));
  }
}

// Twice 8 bytes, of which byte i holds weights i and i + 8 of 16.
fn put_halves(group: u32, begin: u32) {
  for (var h = 0u; h < 2u; h++) {
    let a = raw_word(begin + 8u * h);
    let b = raw_word(begin + 8u * h + 4u);
    atomicStore(&planes[group * 4u + 2u * h], (a & 0x0f0f0f0fu) | ((b & 0x0f0f0f0fu) << 4u));
    atomicStore(&planes[group * 4u + 2u * h + 1u], ((a >> 4u) & 0x0f0f0f0fu) | (b & 0xf0f0f0f0u));
  }
}
