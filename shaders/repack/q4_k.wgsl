// One lane takes one group of 32 weights of a raw block of Q4_K or, with `fifth`, Q5_K: d, dmin and 12 bytes of scales,
// which stay as they are; of Q5_K 32 bytes of high bits, bit j of byte i for weight i of group j; then for each two
// groups 32 bytes, low nibbles for the first.
import package::lib::raw::raw_word;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count * 8u) {
    return;
  }
  let block = index / 8u;
  let j = index % 8u;
  let super_block = params.base + params.first + block;
  let group = super_block * 8u + j;
  let high_bytes = select(0u, 32u, fifth);
  let begin = params.source + block * (144u + high_bytes);
  let nibbles = begin + 16u + high_bytes + (j >> 1u) * 32u;
  let shift = (j & 1u) * 4u;
  for (var w = 0u; w < 4u; w++) {
    let a = raw_word(nibbles + 8u * w) >> shift;
    let b = raw_word(nibbles + 8u * w + 4u) >> shift;
    atomicStore(&planes[group * 4u + w], (a & 0x0f0f0f0fu) | ((b & 0x0f0f0f0fu) << 4u));
  }
  if (fifth) {
    var high = 0u;
    for (var w = 0u; w < 8u; w++) {
      high |= ((raw_word(begin + 16u + 4u * w) >> j) & 0x01010101u) << w;
    }
    atomicStore(&planes[params.high + group], high);
  }
  if (j < 4u) {
    atomicStore(&planes[params.scales + super_block * 4u + j], raw_word(begin + 4u * j));
  }
}
