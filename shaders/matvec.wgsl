// A lane owns four rows, or with segment_lanes = 8 an eighth of each, and walks them for `columns` tokens. With `experts`
// it walks the rows of one expert for one of the tokens that chose it.
@if(normalizes || combines) import package::inputs::staged::{Row, row_from};
@if(!normalizes && !combines) import package::inputs::stored::{Row, row_from};
@if(normalizes) import package::prologues::normalize::prepare;
@if(combines) import package::prologues::combine::prepare;
import package::lib::row_sums::{row_sums, holds_column};
import package::lib::rows::{owned_row, elsewhere, first_row, x_places_of, store, store_gated};

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
  let owned = vec4u(owned_row(owner, 0u, 4u), owned_row(owner, 1u, 4u), owned_row(owner, 2u, 4u), owned_row(owner, 3u, 4u));
  var xs: array<Row, columns>;
  // One column is named: see lib/four_rows.wgsl.
  xs[0] = row_from(x_places_of(vec4u(first)).x);
  for (var t = 1u; t < columns; t++) {
    xs[t] = row_from(x_places_of(vec4u(first + t)).x);
  }
  let totals = row_sums(first_row(expert) + owned, xs, lane);
  store_column(first, expert, owner, totals[0], holds_column(0u, lane));
  for (var t = 1u; t < columns; t++) {
    store_column(first + t, expert, owner, totals[t], holds_column(t, lane));
  }
}

fn store_column(y_row: u32, expert: u32, owner: u32, total: vec4f, holds: bool) {
  if (!holds) {
    return;
  }
  if (gated) {
    store_gated(y_row, expert, owner * 2u, total.x, total.z);
    store_gated(y_row, expert, owner * 2u + 1u, total.y, total.w);
  } else {
    store(y_row, expert, owner * 4u, total.x);
    store(y_row, expert, owner * 4u + 1u, total.y);
    store(y_row, expert, owner * 4u + 2u, total.z);
    store(y_row, expert, owner * 4u + 3u, total.w);
  }
}
