// One lane takes one group of 32 weights of a raw IQ4_XS block: d, the high two bits of eight scales, their low nibbles,
// then 16 bytes a group.
import package::lib::raw::{raw_word, raw_half, put_byte, put_half};
import package::lib::raw_nibbles::put_group;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let index = id.y * grid.x * workgroup_size + id.x;
  if (index >= params.count * 8u) {
    return;
  }
  let in_block = index % 8u;
  let super_block = params.base + params.first + index / 8u;
  let group = super_block * 8u + in_block;
  let begin = params.source + index / 8u * 136u;
  put_group(group, begin + 8u + 16u * in_block);
  let low = (raw_word(begin + 4u) >> (4u * in_block)) & 15u;
  let high = (raw_half(begin + 2u) >> (2u * in_block)) & 3u;
  put_byte(params.scales, group, (low | (high << 4u)) - 32u);
  if (in_block == 0u) {
    put_half(params.supers, super_block, raw_half(begin));
  }
}
