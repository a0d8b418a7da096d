// A lane owns rows_per_lane rows and eight tokens, of which it has whole numbers in bytes: each weight is unpacked once for all
// tokens and each x loaded once for all rows. Products within a group are summed exactly, as integers, groups as matmul.wgsl
// does it.
import package::weights::{Header, Packed, header, header_groups, fetch, bytes, scale, spans, has_minimum};
import package::lib::integers::dot_of_fours;
import package::lib::int8_activations::{EightFours, eight_rows, eight_fours, words_of_eight, scalars_of_rows};
import package::lib::subgroups::place_of_eight;
import package::lib::rows::{owned_row, x_places_of, store, store_gated};

const sums_per_lane = 2u * rows_per_lane;

alias Dots = array<vec4i, sums_per_lane>;

// Adds eight products to each sum.
fn add_octet(dots: ptr<function, Dots>, packed: array<Packed, rows_per_lane>, i: u32, xs: EightFours) {
  let low = words_of_eight(xs, 2u * (i & 1u));
  let high = words_of_eight(xs, 2u * (i & 1u) + 1u);
  for (var r = 0u; r < rows_per_lane; r++) {
    let w = bytes(packed[r], i);
    for (var f = 0u; f < 2u; f++) {
      (*dots)[2u * r + f] += vec4i(
        dot_of_fours(w.x, low[4u * f]) + dot_of_fours(w.y, high[4u * f]),
        dot_of_fours(w.x, low[4u * f + 1u]) + dot_of_fours(w.y, high[4u * f + 1u]),
        dot_of_fours(w.x, low[4u * f + 2u]) + dot_of_fours(w.y, high[4u * f + 2u]),
        dot_of_fours(w.x, low[4u * f + 3u]) + dot_of_fours(w.y, high[4u * f + 3u]),
      );
    }
  }
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * workgroup_size + lane;
  let token = group.y * 8u;
  let first_four = token + vec4u(0u, 1u, 2u, 3u);
  let rows = eight_rows(x_places_of(first_four), x_places_of(first_four + 4u), place_of_eight());
  var row_group: array<u32, rows_per_lane>;
  for (var r = 0u; r < rows_per_lane; r++) {
    row_group[r] = owned_row(owner, r, rows_per_lane) * params.groups;
  }
  var total: array<vec4f, sums_per_lane>;
  for (var segment = 0u; segment < 8u; segment++) {
    var sum = array<vec4f, sums_per_lane>();
    let first = segment * params.segment_groups;
    let last = min(first + params.segment_groups, params.groups);
    var headers = array<Header, rows_per_lane>();
    for (var g = first; g < last; g++) {
      if (g % header_groups == 0u || g == first) {
        for (var r = 0u; r < rows_per_lane; r++) {
          headers[r] = header(row_group[r] + g);
        }
      }
      var packed: array<Packed, rows_per_lane>;
      for (var r = 0u; r < rows_per_lane; r++) {
        packed[r] = fetch(row_group[r] + g);
      }
      let halves = array<EightFours, 2>(eight_fours(rows, 3u * g), eight_fours(rows, 3u * g + 1u));
      let d = scalars_of_rows(rows, 3u * g + 2u, 0u);
      for (var span = 0u; span < spans; span++) {
        var dots = Dots();
        for (var i = span * (4u / spans); i < (span + 1u) * (4u / spans); i++) {
          add_octet(&dots, packed, i, halves[i >> 1u]);
        }
        var xs: array<vec4f, 2>;
        if (has_minimum) {
          xs = scalars_of_rows(rows, 3u * g + 2u, select(1u, 2u + span, spans == 2u));
        }
        for (var r = 0u; r < rows_per_lane; r++) {
          let s = scale(headers[r], g % header_groups, span);
          for (var f = 0u; f < 2u; f++) {
            let at = 2u * r + f;
            sum[at] = fma(vec4f(s.x) * d[f], vec4f(dots[at]), sum[at]);
            if (has_minimum) {
              sum[at] = fma(vec4f(s.y), xs[f], sum[at]);
            }
          }
        }
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
