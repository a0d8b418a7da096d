// One lane takes one group of 32 weights of a raw Q6_K block: 128 bytes of low nibbles, 64 of high bits, 16 i8
// scales, d. The block goes by halves of 128 weights; group j of a half has its nibbles in 32 of the half's 64 bytes,
// low for j < 2 and high else, and its high bits at 2j of the half's 32 bytes.
import package::lib::raw::{raw_word, raw_half, put_half};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count * 8u) {
    return;
  }
  let block = index / 8u;
  let in_block = index % 8u;
  let half_block = in_block / 4u;
  let j = in_block % 4u;
  let super_block = params.base + params.first + block;
  let group = super_block * 8u + in_block;
  let begin = params.source + block * 210u;
  let nibbles = begin + half_block * 64u + (j & 1u) * 32u;
  let shift = (j >> 1u) * 4u;
  for (var w = 0u; w < 4u; w++) {
    let a = raw_word(nibbles + 8u * w) >> shift;
    let b = raw_word(nibbles + 8u * w + 4u) >> shift;
    atomicStore(&planes[group * 4u + w], (a & 0x0f0f0f0fu) | ((b & 0x0f0f0f0fu) << 4u));
  }
  let high = begin + 128u + half_block * 32u;
  for (var w = 0u; w < 2u; w++) {
    var word = 0u;
    for (var i = 0u; i < 4u; i++) {
      word |= ((raw_word(high + 16u * w + 4u * i) >> (2u * j)) & 0x03030303u) << (2u * i);
    }
    atomicStore(&planes[params.high + group * 2u + w], word);
  }
  put_half(params.scales, group, raw_half(begin + 192u + 2u * in_block));
  if (in_block == 0u) {
    put_half(params.supers, super_block, raw_half(begin + 208u));
  }
}
