// One workgroup takes one head of one token's Q, K or V out of the projected row.
import package::lib::head::{head_of, first_quad_of, quads_of, staged, entering, stage, write_head};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let head = head_of(group.y, group.x);
  if (staged) {
    for (var d = first_quad_of(head) + lane; d < quads_of(head); d += workgroup_size) {
      entering[d] = qkv[head.row + head.at + d];
    }
    stage(head, group.y, lane);
  }
  write_head(head, group.x, group.y, lane);
}
