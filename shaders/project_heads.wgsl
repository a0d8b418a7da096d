// One workgroup computes one head of one token's Q, K or V, out of the token's row of the stream, and does with it what rope_kv
// does. A lane owns four rows of the head, or with segment_lanes = 8 an eighth of each, in as many turns as that takes.
@if(in_bytes) import package::lib::int8_row_sums::{Row, row_from, row_sums, holds_column};
@if(!in_bytes && normalizes) import package::inputs::staged::{Row, row_from};
@if(!in_bytes && !normalizes) import package::inputs::stored::{Row, row_from};
@if(!in_bytes) import package::lib::row_sums::{row_sums, holds_column};
@if(rounds) import package::prologues::int8_round::prepare_rounded;
@if(!rounds && normalizes) import package::prologues::normalize::prepare;
import package::lib::head::{head_of, quads_of, entering, stage, write_head};
import package::lib::rows::with_bias;

const owners = workgroup_size / segment_lanes;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let number = params.first_head + group.x;
  let token = group.y;
  let head = head_of(token, number);
  let quads = quads_of(head);
  let first_row = 4u * head.at - params.first_row;
  let begin = token * params.x_stride;
  @if(rounds) { prepare_rounded(token, begin, lane); }
  @if(!rounds && normalizes) { prepare(token, lane); }
  let x_row = array<Row, 1>(row_from(begin));
  for (var turn = 0u; turn < quads; turn += owners) {
    let own = turn + lane / segment_lanes;
    let row = first_row + 4u * min(own, quads - 1u);
    let sum = row_sums(row + vec4u(0u, 1u, 2u, 3u), x_row, lane)[0];
    if (own < quads && holds_column(0u, lane)) {
      entering[own] = vec4f(
        with_bias(sum.x, 0u, row), with_bias(sum.y, 0u, row + 1u),
        with_bias(sum.z, 0u, row + 2u), with_bias(sum.w, 0u, row + 3u),
      );
    }
    workgroupBarrier();
  }
  stage(head, token, lane);
  write_head(head, number, token, lane);
}
