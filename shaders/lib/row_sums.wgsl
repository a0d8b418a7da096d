// Sums of four rows of a matrix with some columns of x, as every product of few tokens takes them: each weight is unpacked once for
// all columns, and each x loaded once for four rows.
//
// With one column nothing is a loop over columns: see four_rows.wgsl.
//
// The sum of a row is taken in eight segments of whole groups, groups in order within a segment, segments in order.
//
// Rows are whole blocks of header_groups groups. What a block's groups share is loaded where it or a segment begins: a CPU
// driver pays for every word that a lane loads, and a header in each group would cost a K-quant as much as its codes.
import package::bindings::{params, workgroup_size, segment_lanes, columns, subgroups};
import package::weights::{header_groups, octet, spans, has_minimum};
import package::lib::four_rows::{Rows, Headers, Scales, rows_of, headers_of, scales_of};
import package::lib::numbers::Octet;
@if(normalizes || combines) import package::inputs::staged::{Row, group_at, quad_of, Group};
@if(!normalizes && !combines) import package::inputs::stored::{Row, group_at, quad_of, Group};

// Whether a group's octets are named one after another. Compilers for GPUs (segment_lanes 8) and Mesa (subgroups) then keep codes and x
// in registers; SwiftShader, which has neither, only takes twice as long to compile it.
@if(long_octets) const names_octets = false;
@if(!long_octets) const names_octets = segment_lanes == 8u || subgroups;

var<workgroup> segment_sums: array<vec4f, select(columns * workgroup_size, 1u, segment_lanes == 1u)>;

// Sums of four rows' codes times x, and of x alone, for each column.
struct Sums { products: array<vec4f, columns>, xs: array<f32, columns> }

// Adds the products of a group's octet i. Where that is no constant and its loop is too long for a driver to unroll, codes and x lie
// in memory, and each word is picked out of it for each lane.
fn add_octet(sums: ptr<function, Sums>, rows: Rows, groups: array<Group, columns>, i: u32) {
  let octets = Octets(octet(rows.a, i), octet(rows.b, i), octet(rows.c, i), octet(rows.d, i));
  if (columns == 1u) {
    add_column(sums, octets, groups, i, 0u);
  } else {
    for (var t = 0u; t < columns; t++) {
      add_column(sums, octets, groups, i, t);
    }
  }
}

// An octet of each row.
struct Octets { a: Octet, b: Octet, c: Octet, d: Octet }

fn add_column(sums: ptr<function, Sums>, rows: Octets, groups: array<Group, columns>, i: u32, t: u32) {
  let low = quad_of(groups[t], 2u * i);
  let high = quad_of(groups[t], 2u * i + 1u);
  var q = (*sums).products[t];
  q = fma(vec4f(rows.a.low.x, rows.b.low.x, rows.c.low.x, rows.d.low.x), vec4f(low.x), q);
  q = fma(vec4f(rows.a.low.y, rows.b.low.y, rows.c.low.y, rows.d.low.y), vec4f(low.y), q);
  q = fma(vec4f(rows.a.low.z, rows.b.low.z, rows.c.low.z, rows.d.low.z), vec4f(low.z), q);
  q = fma(vec4f(rows.a.low.w, rows.b.low.w, rows.c.low.w, rows.d.low.w), vec4f(low.w), q);
  q = fma(vec4f(rows.a.high.x, rows.b.high.x, rows.c.high.x, rows.d.high.x), vec4f(high.x), q);
  q = fma(vec4f(rows.a.high.y, rows.b.high.y, rows.c.high.y, rows.d.high.y), vec4f(high.y), q);
  q = fma(vec4f(rows.a.high.z, rows.b.high.z, rows.c.high.z, rows.d.high.z), vec4f(high.z), q);
  q = fma(vec4f(rows.a.high.w, rows.b.high.w, rows.c.high.w, rows.d.high.w), vec4f(high.w), q);
  (*sums).products[t] = q;
  if (has_minimum) {
    var s = (*sums).xs[t];
    s += low.x; s += low.y; s += low.z; s += low.w;
    s += high.x; s += high.y; s += high.z; s += high.w;
    (*sums).xs[t] = s;
  }
}

// Adds a span's sums times four rows' scales and minima, and begins the next span.
fn add_span(sums: ptr<function, array<vec4f, columns>>, span: ptr<function, Sums>, headers: Headers, place: u32, i: u32) {
  let s = scales_of(headers, place, i);
  if (columns == 1u) {
    add_scaled(sums, *span, s, 0u);
  } else {
    for (var t = 0u; t < columns; t++) {
      add_scaled(sums, *span, s, t);
    }
  }
  *span = Sums();
}

fn add_scaled(sums: ptr<function, array<vec4f, columns>>, span: Sums, s: Scales, t: u32) {
  (*sums)[t] = fma(vec4f(s.a.x, s.b.x, s.c.x, s.d.x), span.products[t], (*sums)[t]);
  if (has_minimum) {
    (*sums)[t] = fma(vec4f(s.a.y, s.b.y, s.c.y, s.d.y), vec4f(span.xs[t]), (*sums)[t]);
  }
}

fn segment_sum(rows: vec4u, xs: array<Row, columns>, segment: u32) -> array<vec4f, columns> {
  var sums = array<vec4f, columns>();
  let first = segment * params.segment_groups;
  let last = min(first + params.segment_groups, params.groups);
  var headers = Headers();
  for (var g = first; g < last; g++) {
    let group = rows * params.groups + g;
    let place = g % header_groups;
    if (place == 0u || g == first) {
      headers = headers_of(group);
    }
    let packed = rows_of(group);
    var groups: array<Group, columns>;
    if (columns == 1u) {
      groups[0] = group_at(xs[0], g);
    } else {
      for (var t = 0u; t < columns; t++) {
        groups[t] = group_at(xs[t], g);
      }
    }
    var span = Sums();
    if (names_octets) {
      add_octet(&span, packed, groups, 0u);
      add_octet(&span, packed, groups, 1u);
      if (spans == 2u) {
        add_span(&sums, &span, headers, place, 0u);
      }
      add_octet(&span, packed, groups, 2u);
      add_octet(&span, packed, groups, 3u);
      add_span(&sums, &span, headers, place, spans - 1u);
    } else {
      for (var i = 0u; i < spans; i++) {
        for (var j = 0u; j < 4u / spans; j++) {
          add_octet(&span, packed, groups, i * (4u / spans) + j);
        }
        add_span(&sums, &span, headers, place, i);
      }
    }
  }
  return sums;
}

// Whole sums of four rows, of each column the lane that has `holds_column`. With segment_lanes = 1 a lane takes all
// segments of its rows; with 8, eight lanes take one each, and then one of them adds up a column. Both give the same bits.
fn row_sums(rows: vec4u, xs: array<Row, columns>, lane: u32) -> array<vec4f, columns> {
  var totals = array<vec4f, columns>();
  if (segment_lanes == 1u) {
    for (var segment = 0u; segment < 8u; segment++) {
      let sums = segment_sum(rows, xs, segment);
      if (columns == 1u) {
        totals[0] += sums[0];
      } else {
        for (var t = 0u; t < columns; t++) {
          totals[t] += sums[t];
        }
      }
    }
    return totals;
  }
  let sums = segment_sum(rows, xs, lane % 8u);
  for (var t = 0u; t < columns; t++) {
    segment_sums[t * workgroup_size + lane] = sums[t];
  }
  workgroupBarrier();
  let own = lane % 8u;
  if (own < columns) {
    var total = vec4f();
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sums[own * workgroup_size + lane - own + segment];
    }
    for (var t = 0u; t < columns; t++) {
      totals[t] = total;
    }
  }
  return totals;
}

// Whether the lane has what `row_sums` gave for a column.
fn holds_column(column: u32, lane: u32) -> bool {
  return segment_lanes == 1u || lane % 8u == column;
}
