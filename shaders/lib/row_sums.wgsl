// Sums of four rows of a matrix with some columns of x, as every product of few tokens takes them: each weight is unpacked once for
// all columns, and each x loaded once for four rows.
//
// The sum of a row is taken in eight segments of whole groups, groups in order within a segment, segments in order.
//
// Rows are whole blocks of header_groups groups. What a block's groups share is loaded where it or a segment begins: a CPU
// driver pays for every word that a lane loads, and a header in each group would cost a K-quant as much as its codes.
import package::bindings::{params, workgroup_size, segment_lanes, columns};
import package::weights::{Header, header, header_groups, fetch, octet, scale, spans, has_minimum};
@if(normalizes || combines) import package::inputs::staged::{Row, group_at, quad_of, Group};
@if(!normalizes && !combines) import package::inputs::stored::{Row, group_at, quad_of, Group};

var<workgroup> segment_sums: array<vec4f, select(columns * workgroup_size, 1u, segment_lanes == 1u)>;

// Scales of a group's first span, and of its second one.
fn both_scales(header: Header, place: u32) -> vec4f {
  let first = scale(header, place, 0u);
  if (spans == 1u) {
    return vec4f(first, first);
  }
  return vec4f(first, scale(header, place, 1u));
}

fn segment_sum(rows: vec4u, xs: array<Row, columns>, segment: u32) -> array<vec4f, columns> {
  var sums = array<vec4f, columns>();
  let first = segment * params.segment_groups;
  let last = min(first + params.segment_groups, params.groups);
  var ha = Header();
  var hb = Header();
  var hc = Header();
  var hd = Header();
  for (var g = first; g < last; g++) {
    let group = rows * params.groups + g;
    let place = g % header_groups;
    if (place == 0u || g == first) {
      ha = header(group.x);
      hb = header(group.y);
      hc = header(group.z);
      hd = header(group.w);
    }
    let sa = both_scales(ha, place);
    let sb = both_scales(hb, place);
    let sc = both_scales(hc, place);
    let sd = both_scales(hd, place);
    let pa = fetch(group.x);
    let pb = fetch(group.y);
    let pc = fetch(group.z);
    let pd = fetch(group.w);
    var groups: array<Group, columns>;
    for (var t = 0u; t < columns; t++) {
      groups[t] = group_at(xs[t], g);
    }
    for (var span = 0u; span < spans; span++) {
      var quants = array<vec4f, columns>();
      var x_sums = array<f32, columns>();
      for (var i = span * (4u / spans); i < (span + 1u) * (4u / spans); i++) {
        let a = octet(pa, i);
        let b = octet(pb, i);
        let c = octet(pc, i);
        let d = octet(pd, i);
        for (var t = 0u; t < columns; t++) {
          let xl = quad_of(groups[t], 2u * i);
          let xh = quad_of(groups[t], 2u * i + 1u);
          var q = quants[t];
          q = fma(vec4f(a.low.x, b.low.x, c.low.x, d.low.x), vec4f(xl.x), q);
          q = fma(vec4f(a.low.y, b.low.y, c.low.y, d.low.y), vec4f(xl.y), q);
          q = fma(vec4f(a.low.z, b.low.z, c.low.z, d.low.z), vec4f(xl.z), q);
          q = fma(vec4f(a.low.w, b.low.w, c.low.w, d.low.w), vec4f(xl.w), q);
          q = fma(vec4f(a.high.x, b.high.x, c.high.x, d.high.x), vec4f(xh.x), q);
          q = fma(vec4f(a.high.y, b.high.y, c.high.y, d.high.y), vec4f(xh.y), q);
          q = fma(vec4f(a.high.z, b.high.z, c.high.z, d.high.z), vec4f(xh.z), q);
          q = fma(vec4f(a.high.w, b.high.w, c.high.w, d.high.w), vec4f(xh.w), q);
          quants[t] = q;
          if (has_minimum) {
            var s = x_sums[t];
            s += xl.x; s += xl.y; s += xl.z; s += xl.w;
            s += xh.x; s += xh.y; s += xh.z; s += xh.w;
            x_sums[t] = s;
          }
        }
      }
      let second = span == 1u;
      for (var t = 0u; t < columns; t++) {
        sums[t] = fma(select(vec4f(sa.x, sb.x, sc.x, sd.x), vec4f(sa.z, sb.z, sc.z, sd.z), second), quants[t], sums[t]);
        if (has_minimum) {
          sums[t] = fma(select(vec4f(sa.y, sb.y, sc.y, sd.y), vec4f(sa.w, sb.w, sc.w, sd.w), second), vec4f(x_sums[t]), sums[t]);
        }
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
      for (var t = 0u; t < columns; t++) {
        totals[t] += sums[t];
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
