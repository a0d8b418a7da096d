// One lane a group of 32 values: the words that products read of it, see prologues/int8_round.wgsl. Where a prologue makes the row,
// one workgroup rounds all of it.
@if(normalizes) import package::prologues::normalize::prepare;
@if(combines) import package::prologues::combine::prepare;
import package::prologues::int8_round::{group_fours, rounded_group};

@if(normalizes || combines)
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  prepare(workgroup.y, lane);
  for (var group = lane; group < params.groups; group += workgroup_size) {
    store_group(workgroup.y, group);
  }
}

@if(!normalizes && !combines)
@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) workgroup: vec3u, @builtin(local_invocation_index) lane: u32) {
  let group = workgroup.x * workgroup_size + lane;
  if (group < params.groups) {
    store_group(workgroup.y, group);
  }
}

fn store_group(token: u32, group: u32) {
  let words = rounded_group(token * params.x_stride + params.x_offset, group);
  let to = group_fours * (token * params.groups + group);
  y[to] = words.first;
  y[to + 1u] = words.second;
  y[to + 2u] = words.extras;
}
