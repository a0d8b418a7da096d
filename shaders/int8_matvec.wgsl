// As matvec.wgsl, with x in bytes: products within a group are summed exactly, as integers.
import package::weights::{Header, Packed, header, header_groups, fetch, bytes, scale, spans, has_minimum};
import package::lib::integers::dot_of_fours;
import package::lib::int8_activations::{row_group, RowGroup};
import package::lib::subgroups::place_of_eight;
import package::lib::rows::{owned_row, x_places_of, store, store_gated};

var<workgroup> segment_sums: array<vec4f, workgroup_size>;

fn span_dot(packed: Packed, xs: RowGroup, span: u32) -> i32 {
  var sum = 0i;
  for (var i = span * (4u / spans); i < (span + 1u) * (4u / spans); i++) {
    let w = bytes(packed, i);
    sum += dot_of_fours(w.x, xs.words[2u * i]) + dot_of_fours(w.y, xs.words[2u * i + 1u]);
  }
  return sum;
}

fn segment_sum(rows: vec4u, x_row: u32, place: u32, segment: u32) -> vec4f {
  var sum = vec4f();
  let first = segment * params.segment_groups;
  let last = min(first + params.segment_groups, params.groups);
  var ha = Header();
  var hb = Header();
  var hc = Header();
  var hd = Header();
  for (var g = first; g < last; g++) {
    let group = rows * params.groups + g;
    let in_block = g % header_groups;
    if (in_block == 0u || g == first) {
      ha = header(group.x);
      hb = header(group.y);
      hc = header(group.z);
      hd = header(group.w);
    }
    let pa = fetch(group.x);
    let pb = fetch(group.y);
    let pc = fetch(group.z);
    let pd = fetch(group.w);
    let xs = row_group(x_row + 3u * g, place);
    for (var span = 0u; span < spans; span++) {
      let sa = scale(ha, in_block, span);
      let sb = scale(hb, in_block, span);
      let sc = scale(hc, in_block, span);
      let sd = scale(hd, in_block, span);
      let dots = vec4i(span_dot(pa, xs, span), span_dot(pb, xs, span), span_dot(pc, xs, span), span_dot(pd, xs, span));
      sum = fma(vec4f(sa.x, sb.x, sc.x, sd.x) * vec4f(xs.extras[0]), vec4f(dots), sum);
      if (has_minimum) {
        sum = fma(vec4f(sa.y, sb.y, sc.y, sd.y), vec4f(xs.extras[select(1u, 2u + span, spans == 2u)]), sum);
      }
    }
  }
  return sum;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * (workgroup_size / segment_lanes) + lane / segment_lanes;
  let token = group.y;
  let rows = vec4u(owned_row(owner, 0u, 4u), owned_row(owner, 1u, 4u), owned_row(owner, 2u, 4u), owned_row(owner, 3u, 4u));
  let x_row = x_places_of(vec4u(token)).x;
  let place = place_of_eight();
  var total = vec4f();
  if (segment_lanes == 1u) {
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sum(rows, x_row, place, segment);
    }
  } else {
    segment_sums[lane] = segment_sum(rows, x_row, place, lane % 8u);
    workgroupBarrier();
    if (lane % 8u != 0u) {
      return;
    }
    for (var segment = 0u; segment < 8u; segment++) {
      total += segment_sums[lane + segment];
    }
  }
  if (gated) {
    store_gated(token, 0u, owner * 2u, total.x, total.z);
    store_gated(token, 0u, owner * 2u + 1u, total.y, total.w);
  } else {
    store(token, 0u, owner * 4u, total.x);
    store(token, 0u, owner * 4u + 1u, total.y);
    store(token, 0u, owner * 4u + 2u, total.z);
    store(token, 0u, owner * 4u + 3u, total.w);
  }
}
