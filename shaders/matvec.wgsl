// A lane owns four rows, or with segment_lanes = 8 an eighth of each, and walks them for `columns` tokens. With `experts`
// it walks the rows of one expert for one of the tokens that chose it.
@if(normalizes || combines) import package::inputs::staged::{Row, row_from};
@if(!normalizes && !combines) import package::inputs::stored::{Row, row_from};
@if(normalizes) import package::prologues::normalize::prepare;
@if(combines) import package::prologues::combine::prepare;
import package::lib::row_sums::{row_sums, holds_column};
import package::lib::rows::{owned_rows, elsewhere, first_row, x_places_of, store_rows};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * (workgroup_size / segment_lanes) + lane / segment_lanes;
  let first = group.y * columns;
  var expert = 0u;
  if (experts) {
    expert = routes[1u + first];
    if (elsewhere(expert)) {
      return;
    }
  }
  @if(normalizes || combines) { prepare(first, lane); }
  var xs: array<Row, columns>;
  // One column is named: see lib/four_rows.wgsl.
  xs[0] = row_from(x_places_of(vec4u(first)).x);
  for (var t = 1u; t < columns; t++) {
    xs[t] = row_from(x_places_of(vec4u(first + t)).x);
  }
  let totals = row_sums(first_row(expert) + owned_rows(owner), xs, lane);
  if (holds_column(0u, lane)) {
    store_rows(first, expert, owner, totals[0]);
  }
  for (var t = 1u; t < columns; t++) {
    if (holds_column(t, lane)) {
      store_rows(first + t, expert, owner, totals[t]);
    }
  }
}
