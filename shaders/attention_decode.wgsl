// One workgroup takes one token, one split of the context and some query heads of one kv head: all of them, unless they
// are many. Lanes score keys, then exponentiate the scores once, then share out the quads of the output.
// attention_combine merges the splits.
import package::lib::cache::{head_quads, value_quads, region_of, quad, scale_of, scales_of_eight};
import package::lib::softmax::{lowest, fma_quad, capped};
import package::lib::subgroups::{place_of, of_eight, scalars_of_eight, wanted};
import package::lib::visible::first_visible;

const group_heads = heads / kv_heads;
const head_parts = (group_heads + most_heads - 1u) / most_heads;
const heads_each = (group_heads + head_parts - 1u) / head_parts;
const whole_eights = head_quads % 8u == 0u;
// Keys that a lane scores at once, so that a query that was loaded serves several.
const keys_at_once = clamp(split_size / workgroup_size, 1u, 4u);
const keys_each_turn = keys_at_once * workgroup_size;
// A lane owns some quads of the output, each for every head whose number is its part, modulo parts. A GPU wants many
// lanes at work; where lanes load for one another, a value is best read once for all heads.
const parts = select(max(1u, workgroup_size / value_quads), 1u, subgroups);
const part_lanes = select(workgroup_size, value_quads, parts > 1u);
const owned_heads = (heads_each + parts - 1u) / parts;
// Quads of the output that a lane sums at once, so that a weight that was loaded serves both.
const quads_at_once = min(2u, (value_quads + part_lanes - 1u) / part_lanes);

var<workgroup> query: array<vec4f, heads_each * head_quads>;
var<workgroup> scores: array<f32, heads_each * split_size>;
// The greatest score of each lane's keys, then of every eighth lane's.
var<workgroup> greatest_of_lanes: array<f32, heads_each * workgroup_size>;
var<workgroup> greatest_of_eights: array<f32, heads_each * 8u>;

// Query quads d … d + 7 of a head, as far as the head has them.
@if(subgroups)
fn query_quads(head: u32, d: u32, place: u32) -> array<vec4f, 8> {
  return of_eight(query[head * head_quads + min(d + place, head_quads - 1u)]);
}

@if(!subgroups)
fn query_quads(head: u32, d: u32, place: u32) -> array<vec4f, 8> {
  var quads: array<vec4f, 8>;
  for (var j = 0u; j < 8u; j++) {
    quads[j] = query[head * head_quads + min(d + j, head_quads - 1u)];
  }
  return quads;
}

@if(subgroups)
fn eight_scores(head: u32, key: u32, place: u32) -> array<f32, 8> {
  return scalars_of_eight(scores[head * split_size + key + place]);
}

@if(!subgroups)
fn eight_scores(head: u32, key: u32, place: u32) -> array<f32, 8> {
  var eight: array<f32, 8>;
  for (var j = 0u; j < 8u; j++) {
    eight[j] = scores[head * split_size + key + j];
  }
  return eight;
}

// The nearest key of the split that is visible.
fn visible_key(key: u32, begin: u32, keys: u32) -> u32 {
  return min(select(key, max(key, begin), window > 0u), keys - 1u);
}

// The greatest score of a head, once greatest_of_eights is there.
fn greatest_of(head: u32) -> f32 {
  var greatest = greatest_of_eights[head * 8u];
  for (var j = 1u; j < 8u; j++) {
    greatest = max(greatest, greatest_of_eights[head * 8u + j]);
  }
  return greatest;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = place_of(8u);
  let tile = params.tiles_at + 5u * group.x;
  let row = batch[tile];
  let position = batch[tile + 2u];
  let kv_head = group.y / head_parts;
  let first_head = kv_head * group_heads + group.y % head_parts * heads_each;
  // Partial results are numbered from the first split that the token sees.
  let split = group.z;
  let visible_from = first_visible(position);
  let first_key = (visible_from / split_size + split) * split_size;
  if (first_key > position) {
    return;
  }
  let table = params.tables_at + batch[tile + 3u] + first_key / block_size;
  // Keys of the split from `begin` on, below `keys`, are visible.
  let begin = max(visible_from, first_key) - first_key;
  let keys = min(split_size, position + 1u - first_key);

  // A group that does not divide evenly has its last head more than once.
  for (var i = lane; i < heads_each * head_quads; i += workgroup_size) {
    let head = min(first_head + i / head_quads, (kv_head + 1u) * group_heads - 1u);
    query[i] = q[(row * heads + head) * head_quads + i % head_quads];
  }
  workgroupBarrier();

  var lane_greatest = array<f32, heads_each>();
  for (var h = 0u; h < heads_each; h++) {
    lane_greatest[h] = lowest;
  }
  for (var turn = 0u; turn < split_size; turn += keys_each_turn) {
    if (turn >= keys) {
      break;
    }
    if (window > 0u && turn + keys_each_turn <= begin) {
      for (var i = 0u; i < keys_at_once; i++) {
        for (var h = 0u; h < heads_each; h++) {
          scores[h * split_size + turn + i * workgroup_size + lane] = lowest;
        }
      }
      continue;
    }
    var regions = array<u32, keys_at_once>();
    var scales = array<vec2f, keys_at_once>();
    for (var i = 0u; i < keys_at_once; i++) {
      let key = visible_key(turn + i * workgroup_size + lane, begin, keys);
      regions[i] = region_of(false, batch[table + key / block_size], kv_head);
      scales[i] = scale_of(false, regions[i], key % block_size);
    }
    var score = array<f32, keys_at_once * heads_each>();
    for (var d = 0u; d < head_quads; d += 8u) {
      var quads: array<array<vec4f, 8>, heads_each>;
      for (var h = 0u; h < heads_each; h++) {
        quads[h] = query_quads(h, d, place);
      }
      for (var j = 0u; j < 8u; j++) {
        if (whole_eights || d + j < head_quads) {
          for (var i = 0u; i < keys_at_once; i++) {
            let key = visible_key(turn + i * workgroup_size + lane, begin, keys) % block_size;
            let k = quad(false, regions[i], key, d + j, scales[i]);
            for (var h = 0u; h < heads_each; h++) {
              score[i * heads_each + h] = fma_quad(quads[h][j], k, score[i * heads_each + h]);
            }
          }
        }
      }
    }
    for (var i = 0u; i < keys_at_once; i++) {
      let key = turn + i * workgroup_size + lane;
      for (var h = 0u; h < heads_each; h++) {
        var own = score[i * heads_each + h];
        if (softcap) {
          own = capped(own, params.cap);
        }
        let seen = select(lowest, own, key >= begin && key < keys);
        if (key < split_size) {
          scores[h * split_size + key] = seen;
        }
        lane_greatest[h] = max(lane_greatest[h], seen);
      }
    }
  }
  for (var h = 0u; h < heads_each; h++) {
    greatest_of_lanes[h * workgroup_size + lane] = lane_greatest[h];
  }
  workgroupBarrier();
  for (var i = lane; i < heads_each * 8u; i += workgroup_size) {
    var greatest = lowest;
    for (var j = i % 8u; j < workgroup_size; j += 8u) {
      greatest = max(greatest, greatest_of_lanes[i / 8u * workgroup_size + j]);
    }
    greatest_of_eights[i] = greatest;
  }
  workgroupBarrier();
  for (var h = 0u; h < heads_each; h++) {
    let greatest = greatest_of(h);
    for (var key = lane; key < split_size; key += workgroup_size) {
      scores[h * split_size + key] = select(0.0, exp(scores[h * split_size + key] - greatest), key >= begin && key < keys);
    }
  }
  workgroupBarrier();

  let part = lane / part_lanes;
  for (var o = 0u; o < value_quads; o += quads_at_once * part_lanes) {
    let first_quad = lane % part_lanes + o;
    if (wanted(first_quad < value_quads && part < parts)) {
      var sums = array<f32, owned_heads>();
      var output = array<vec4f, owned_heads * quads_at_once>();
      for (var key = begin / 8u * 8u; key < keys; key += 8u) {
        let region = region_of(true, batch[table + key / block_size], kv_head);
        let scales = scales_of_eight(region, key % block_size, place);
        var weights: array<array<f32, 8>, owned_heads>;
        for (var n = 0u; n < owned_heads; n++) {
          weights[n] = eight_scores(min(part + n * parts, heads_each - 1u), key, place);
        }
        // A key that is not visible has the weight 0; in place of what somebody may have left there a visible value is read.
        for (var j = 0u; j < 8u; j++) {
          let seen = visible_key(key + j, begin, keys) % block_size;
          for (var n = 0u; n < owned_heads; n++) {
            sums[n] += weights[n][j];
          }
          for (var u = 0u; u < quads_at_once; u++) {
            let v = quad(true, region, seen, min(first_quad + u * part_lanes, value_quads - 1u), scales[j]);
            for (var n = 0u; n < owned_heads; n++) {
              let at = n * quads_at_once + u;
              output[at] = fma(vec4f(weights[n][j]), v, output[at]);
            }
          }
        }
      }
      for (var n = 0u; n < owned_heads; n++) {
        let h = part + n * parts;
        let head = first_head + h;
        if (h < heads_each && head < (kv_head + 1u) * group_heads) {
          let partial = ((group.x * heads + head) * params.splits + split) * (value_quads + 1u);
          for (var u = 0u; u < quads_at_once; u++) {
            let d = first_quad + u * part_lanes;
            if (d < value_quads) {
              partials[partial + 1u + d] = output[n * quads_at_once + u];
            }
          }
          if (first_quad == 0u) {
            partials[partial] = vec4f(greatest_of(h), sums[n], 0.0, 0.0);
          }
        }
      }
    }
  }
}
