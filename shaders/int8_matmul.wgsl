// A lane owns rows_per_lane rows and eight tokens, of which it has whole numbers in bytes: each weight is unpacked once for all
// tokens and each x loaded once for all rows. Products within a group are summed exactly, as integers, groups as matmul.wgsl
// does it.
import package::weights::{Header, Packed, header, header_groups, fetch, scale, spans, has_minimum};
import package::lib::integers::{octet_words, weight_words, products, whole};
import package::lib::int8_activations::{
  EightFours, EightSixteens, eight_rows, eight_fours, eight_sixteens, words_of_eight, floats_of_eight,
};
import package::lib::subgroups::place_of_eight;
import package::lib::rows::{owned_row, x_places_of, store, store_gated};

const sums_per_lane = 2u * rows_per_lane;

alias Dots = array<vec4i, sums_per_lane>;
alias Sums = array<vec4f, sums_per_lane>;
alias Rows = array<Packed, rows_per_lane>;

// Adds eight products to each sum: those of octet i, which is octet `half` of xs.
fn add_octet(sums: ptr<function, Dots>, packed: Rows, i: u32, xs: EightSixteens, half: u32) {
  var columns: array<array<vec4u, 2>, octet_words>;
  for (var k = 0u; k < octet_words; k++) {
    columns[k] = words_of_eight(xs, half, k);
  }
  for (var r = 0u; r < rows_per_lane; r++) {
    let w = weight_words(packed[r], i);
    for (var f = 0u; f < 2u; f++) {
      var dot = vec4i();
      for (var k = 0u; k < octet_words; k++) {
        dot += whole(products(vec4u(w[k]), columns[k][f]), 0u);
      }
      (*sums)[2u * r + f] += whole(dot, 1u);
    }
  }
}

// Adds sixteen products to each sum: those of octet i and the next.
fn add_sixteen(dots: ptr<function, Dots>, packed: Rows, i: u32, xs: EightSixteens) {
  var sums = Dots();
  // Written out where a CPU driver's loop would keep all sums in memory.
  @if(subgroups) {
    add_octet(&sums, packed, i, xs, 0u);
    add_octet(&sums, packed, i + 1u, xs, 1u);
  }
  @if(!subgroups)
  for (var half = 0u; half < 2u; half++) {
    add_octet(&sums, packed, i + half, xs, half);
  }
  for (var at = 0u; at < sums_per_lane; at++) {
    (*dots)[at] += whole(sums[at], 2u);
  }
}

// Adds a span's products, times its scales, d and the sums of x.
fn add_scaled(sum: ptr<function, Sums>, dots: Dots, headers: array<Header, rows_per_lane>, g: u32, span: u32, x: Extras) {
  for (var r = 0u; r < rows_per_lane; r++) {
    let s = scale(headers[r], g % header_groups, span);
    for (var f = 0u; f < 2u; f++) {
      let at = 2u * r + f;
      (*sum)[at] = fma(vec4f(s.x) * x.d[f], vec4f(dots[at]), (*sum)[at]);
      if (has_minimum) {
        (*sum)[at] = fma(vec4f(s.y), x.sums[select(0u, 1u + span, spans == 2u)][f], (*sum)[at]);
      }
    }
  }
}

// Of eight rows: d, and its products with the sums of a group and of its halves.
struct Extras { d: array<vec4f, 2>, sums: array<array<vec4f, 2>, 3> }

fn extras_of(fours: EightFours) -> Extras {
  var extras: Extras;
  extras.d = floats_of_eight(fours, 0u);
  if (has_minimum) {
    for (var i = 0u; i < 3u; i++) {
      extras.sums[i] = floats_of_eight(fours, 1u + i);
    }
  }
  return extras;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.y * workgroup_size + lane;
  let token = group.x * 8u;
  let first_four = token + vec4u(0u, 1u, 2u, 3u);
  let rows = eight_rows(x_places_of(first_four), x_places_of(first_four + 4u), place_of_eight());
  var row_group: array<u32, rows_per_lane>;
  for (var r = 0u; r < rows_per_lane; r++) {
    row_group[r] = owned_row(owner, r, rows_per_lane) * params.groups;
  }
  var total: Sums;
  for (var segment = 0u; segment < 8u; segment++) {
    var sum = Sums();
    let first = segment * params.segment_groups;
    let last = min(first + params.segment_groups, params.groups);
    var headers = array<Header, rows_per_lane>();
    for (var g = first; g < last; g++) {
      if (g % header_groups == 0u || g == first) {
        for (var r = 0u; r < rows_per_lane; r++) {
          headers[r] = header(row_group[r] + g);
        }
      }
      var packed: Rows;
      for (var r = 0u; r < rows_per_lane; r++) {
        packed[r] = fetch(row_group[r] + g);
      }
      let extras = extras_of(eight_fours(rows, 3u * g + 2u));
      var dots = Dots();
      for (var half = 0u; half < 2u; half++) {
        add_sixteen(&dots, packed, 2u * half, eight_sixteens(eight_fours(rows, 3u * g + half)));
        if (spans == 2u) {
          add_scaled(&sum, dots, headers, g, half, extras);
          dots = Dots();
        }
      }
      if (spans == 1u) {
        add_scaled(&sum, dots, headers, g, 0u, extras);
      }
    }
    for (var i = 0u; i < sums_per_lane; i++) {
      total[i] += sum[i];
    }
  }
  for (var t = 0u; t < 8u; t++) {
    if (gated) {
      let pairs = rows_per_lane / 2u;
      for (var r = 0u; r < pairs; r++) {
        let gate = total[2u * r + t / 4u][t % 4u];
        store_gated(token + t, 0u, owner * pairs + r, gate, total[2u * (pairs + r) + t / 4u][t % 4u]);
      }
    } else {
      for (var r = 0u; r < rows_per_lane; r++) {
        store(token + t, 0u, owner * rows_per_lane + r, total[2u * r + t / 4u][t % 4u]);
      }
    }
  }
}
