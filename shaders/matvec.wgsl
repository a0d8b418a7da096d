// A lane owns four rows and walks them for one token: each x is loaded once for four rows. With `experts` it walks the
// rows of one expert for one of the tokens that chose it.
//
// The sum of a row is taken in eight segments of whole groups, groups in order within a segment, segments in order.
// With segment_lanes = 1 a lane takes all segments of its rows; with 8, eight lanes take one each and the first of
// them adds up. Both give the same bits.
//
// Rows are whole blocks of header_groups groups. What a block's groups share is loaded where it or a segment begins: a CPU
// driver pays for every word that a lane loads, and a header in each group would cost a K-quant as much as its codes.
import package::weights::{Header, header, header_groups, fetch, octet, scale, spans, has_minimum};
import package::lib::activations::{Quads, quads_of_four, eight_quads};
import package::lib::subgroups::place_of_eight;
import package::lib::rows::{owned_row, elsewhere, first_row, x_places_of, store, store_gated};

var<workgroup> segment_sums: array<vec4f, workgroup_size>;

// Scales of a group's first span, and of its second one.
fn both_scales(header: Header, place: u32) -> vec4f {
  let first = scale(header, place, 0u);
  if (spans == 1u) {
    return vec4f(first, first);
  }
  return vec4f(first, scale(header, place, 1u));
}

fn segment_sum(rows: vec4u, x_row: Quads, segment: u32) -> vec4f {
  var sum = vec4f();
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
    let quads = eight_quads(x_row, g * 8u);
    for (var span = 0u; span < spans; span++) {
      var quants = vec4f();
      var xs = 0.0;
      for (var i = span * (4u / spans); i < (span + 1u) * (4u / spans); i++) {
        let xl = quads[2u * i];
        let xh = quads[2u * i + 1u];
        let a = octet(pa, i);
        let b = octet(pb, i);
        let c = octet(pc, i);
        let d = octet(pd, i);
        quants = fma(vec4f(a.low.x, b.low.x, c.low.x, d.low.x), vec4f(xl.x), quants);
        quants = fma(vec4f(a.low.y, b.low.y, c.low.y, d.low.y), vec4f(xl.y), quants);
        quants = fma(vec4f(a.low.z, b.low.z, c.low.z, d.low.z), vec4f(xl.z), quants);
        quants = fma(vec4f(a.low.w, b.low.w, c.low.w, d.low.w), vec4f(xl.w), quants);
        quants = fma(vec4f(a.high.x, b.high.x, c.high.x, d.high.x), vec4f(xh.x), quants);
        quants = fma(vec4f(a.high.y, b.high.y, c.high.y, d.high.y), vec4f(xh.y), quants);
        quants = fma(vec4f(a.high.z, b.high.z, c.high.z, d.high.z), vec4f(xh.z), quants);
        quants = fma(vec4f(a.high.w, b.high.w, c.high.w, d.high.w), vec4f(xh.w), quants);
        if (has_minimum) {
          xs += xl.x; xs += xl.y; xs += xl.z; xs += xl.w;
          xs += xh.x; xs += xh.y; xs += xh.z; xs += xh.w;
        }
      }
      let second = span == 1u;
      sum = fma(select(vec4f(sa.x, sb.x, sc.x, sd.x), vec4f(sa.z, sb.z, sc.z, sd.z), second), quants, sum);
      if (has_minimum) {
        sum = fma(select(vec4f(sa.y, sb.y, sc.y, sd.y), vec4f(sa.w, sb.w, sc.w, sd.w), second), vec4f(xs), sum);
      }
    }
  }
  return sum;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * (workgroup_size / segment_lanes) + lane / segment_lanes;
  let entry = group.y;
  var expert = 0u;
  if (experts) {
    expert = routes[1u + entry];
    if (elsewhere(expert)) {
      return;
    }
  }
  let owned = vec4u(owned_row(owner, 0u, 4u), owned_row(owner, 1u, 4u), owned_row(owner, 2u, 4u), owned_row(owner, 3u, 4u));
  let rows = first_row(expert) + owned;
  let x_row = x_places_of(vec4u(entry)).x;
  let quads = quads_of_four(vec4u(x_row, x_row + 2u, x_row + 4u, x_row + 6u), place_of_eight());
  var total = vec4f();
  if (segment_lanes == 1u) {
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sum(rows, quads, segment);
    }
  } else {
    segment_sums[lane] = segment_sum(rows, quads, lane % 8u);
    workgroupBarrier();
    if (lane % 8u != 0u) {
      return;
    }
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sums[lane + segment];
    }
  }
  if (gated) {
    store_gated(entry, expert, owner * 2u, total.x, total.z);
    store_gated(entry, expert, owner * 2u + 1u, total.y, total.w);
  } else {
    store(entry, expert, owner * 4u, total.x);
    store(entry, expert, owner * 4u + 1u, total.y);
    store(entry, expert, owner * 4u + 2u, total.z);
    store(entry, expert, owner * 4u + 3u, total.w);
  }
}
