// One lane takes one raw block of Q4_0 or Q4_1, or with `fifth` of Q5_0 or Q5_1, whose scales 32 high bits follow.
// Byte i of a block holds weight i (low) and weight 16 + i (high).
import package::lib::raw::{raw_word, raw_half, put_half};
import package::lib::raw_nibbles::put_group;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(global_invocation_id) id: vec3u, @builtin(num_workgroups) grid: vec3u) {
  let block = id.y * grid.x * workgroup_size + id.x;
  if (block >= params.count) {
    return;
  }
  let group = params.base + params.first + block;
  let scale_bytes = select(2u, 4u, minimum);
  let header = scale_bytes + select(0u, 4u, fifth);
  let begin = params.source + block * (header + 16u);
  if (minimum) {
    atomicStore(&planes[params.scales + group], raw_word(begin));
  } else {
    put_half(params.scales, group, raw_half(begin));
  }
  if (fifth) {
    let bits = raw_word(begin + scale_bytes);
    var high = 0u;
    for (var w = 0u; w < 8u; w++) {
      // The factor moves four bits to the ends of four bytes.
      high |= ((((bits >> (4u * w)) & 15u) * 0x00204081u) & 0x01010101u) << w;
    }
    atomicStore(&planes[params.high + group], high);
  }
  put_group(group, begin + header);
}
