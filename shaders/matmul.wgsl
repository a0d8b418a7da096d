// A lane owns rows_per_lane rows and four tokens; each weight is unpacked once for four tokens and each x is loaded
// once for all rows. Sums are taken in the order of matvec.wgsl, so both give the same bits.
import package::weights::{Packed, fetch, octet, scale, spans, has_minimum};
import package::lib::activations::eight_quads;
import package::lib::subgroups::place_of_eight;
import package::lib::rows::{owned_row, gated, store};

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let owner = group.x * workgroup_size + lane;
  let token = group.y * 4u;
  let x_stride = params.groups * 8u;
  let place = place_of_eight();
  var row_group: array<u32, rows_per_lane>;
  for (var r = 0u; r < rows_per_lane; r++) {
    row_group[r] = owned_row(owner, r, rows_per_lane) * params.groups;
  }
  var total: array<vec4f, rows_per_lane>;
  for (var segment = 0u; segment < 8u; segment++) {
    var sum = array<vec4f, rows_per_lane>();
    let last = min((segment + 1u) * params.segment_groups, params.groups);
    for (var g = segment * params.segment_groups; g < last; g++) {
      var packed: array<Packed, rows_per_lane>;
      for (var r = 0u; r < rows_per_lane; r++) {
        packed[r] = fetch(row_group[r] + g);
      }
      for (var span = 0u; span < spans; span++) {
        var quants = array<vec4f, rows_per_lane>();
        var xs = vec4f();
        for (var i = span * (4u / spans); i < (span + 1u) * (4u / spans); i++) {
          let quads = eight_quads(token * x_stride + g * 8u + 2u * i, x_stride, place);
          let low = transpose(mat4x4f(quads[0], quads[2], quads[4], quads[6]));
          let high = transpose(mat4x4f(quads[1], quads[3], quads[5], quads[7]));
          for (var r = 0u; r < rows_per_lane; r++) {
            let w = octet(packed[r], i);
            var q = quants[r];
            q = fma(vec4f(w.low.x), low[0], q);
            q = fma(vec4f(w.low.y), low[1], q);
            q = fma(vec4f(w.low.z), low[2], q);
            q = fma(vec4f(w.low.w), low[3], q);
            q = fma(vec4f(w.high.x), high[0], q);
            q = fma(vec4f(w.high.y), high[1], q);
            q = fma(vec4f(w.high.z), high[2], q);
            q = fma(vec4f(w.high.w), high[3], q);
            quants[r] = q;
          }
          if (has_minimum) {
            xs += low[0]; xs += low[1]; xs += low[2]; xs += low[3];
            xs += high[0]; xs += high[1]; xs += high[2]; xs += high[3];
          }
        }
        for (var r = 0u; r < rows_per_lane; r++) {
          let s = scale(row_group[r] + g, span);
          sum[r] = fma(vec4f(s.x), quants[r], sum[r]);
          if (has_minimum) {
            sum[r] = fma(vec4f(s.y), xs, sum[r]);
          }
        }
      }
    }
    for (var r = 0u; r < rows_per_lane; r++) {
      total[r] += sum[r];
    }
  }
  for (var t = 0u; t < 4u; t++) {
    if (swiglu) {
      let pairs = rows_per_lane / 2u;
      for (var r = 0u; r < pairs; r++) {
        store(token + t, owner * pairs + r, params.rows / 2u, gated(total[r][t], total[pairs + r][t]));
      }
    } else {
      for (var r = 0u; r < rows_per_lane; r++) {
        store(token + t, owner * rows_per_lane + r, params.rows, total[r][t]);
      }
    }
  }
}
