// As matvec.wgsl for one column, with x in bytes.
@if(rounds) import package::prologues::int8_round::prepare_rounded;
import package::lib::int8_row_sums::{Row, row_from, row_sums, holds_column};
import package::lib::rows::{owned_rows, x_places_of, store_rows};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * (workgroup_size / segment_lanes) + lane / segment_lanes;
  let token = group.y;
  let begin = x_places_of(vec4u(token)).x;
  @if(rounds) { prepare_rounded(token, begin, lane); }
  let total = row_sums(owned_rows(owner), array<Row, 1>(row_from(begin)), lane)[0];
  if (holds_column(0u, lane)) {
    store_rows(token, 0u, owner, total);
  }
}
