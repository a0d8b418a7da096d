// One workgroup takes a tile of consecutive tokens of one sequence and some query heads of one kv head: all of them,
// unless they are many; a lane owns one token's one query head and keeps its query and output to itself. All lanes read
// the same key and value at the same time. Splits are those of attention_decode, each summed in the order of its keys,
// and merge in the same order, so both give the same bits.
import package::lib::cache::{head_quads, value_quads, region_of, eight_quads};
import package::lib::position_bias::bias_of;
import package::lib::subgroups::place_of;
import package::lib::softmax::{merge, lowest, fma_quad, capped};
import package::lib::visible::{first_visible, first_around, is_visible};

const group_heads = heads / kv_heads;
const head_parts = (group_heads + most_heads - 1u) / most_heads;
const heads_each = (group_heads + head_parts - 1u) / head_parts;
const whole_eights = head_quads % 8u == 0u;
const whole_value_eights = value_quads % 8u == 0u;
const is_causal = causal == 1u;
// A query of more quads is read anew for each key.
const keeps_query = head_quads <= 64u;

// Tiles of few lanes are for CPU drivers, where a lane's own array lies as near as any memory; SwiftShader writes code for each word of
// workgroup memory. On a GPU a lane's array that is indexed by a variable would lie in its memory.
const keeps_scores = most_heads < 64u;
var<private> own_scores: array<f32, select(1u, split_size, keeps_scores)>;
// Each lane's own column; no lane reads another's.
var<workgroup> scores: array<f32, select(split_size * workgroup_size, 1u, keeps_scores)>;

fn put_score(key: u32, lane: u32, score: f32) {
  if (keeps_scores) {
    own_scores[key] = score;
  } else {
    scores[key * workgroup_size + lane] = score;
  }
}

fn score_at(key: u32, lane: u32) -> f32 {
  if (keeps_scores) {
    return own_scores[key];
  }
  return scores[key * workgroup_size + lane];
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = place_of(8u);
  let tile = params.tiles_at + 5u * group.x;
  let count = batch[tile + 1u];
  let first_position = batch[tile + 2u];
  let last_position = first_position + count - 1u;
  let table = params.tables_at + batch[tile + 3u];
  let kv_head = group.y / head_parts;
  let token = min(lane / heads_each, count - 1u);
  let position = first_position + token;
  // A group that does not divide evenly has its last head more than once.
  let own_head = kv_head * group_heads + group.y % head_parts * heads_each + lane % heads_each;
  let head = min(own_head, (kv_head + 1u) * group_heads - 1u);
  let at = ((batch[tile] + token) * heads + head) * head_quads;

  // Some token of the tile sees keys from visible_from on, below visible_to.
  var visible_from = first_visible(first_position);
  var visible_to = last_position + 1u;
  if (!is_causal) {
    visible_from = first_around(first_position);
    visible_to = batch[tile + 4u];
    if (window > 0u) {
      visible_to = min(visible_to, last_position + window + 1u);
    }
  }

  var query = array<vec4f, select(1u, head_quads, keeps_query)>();
  if (keeps_query) {
    for (var d = 0u; d < head_quads; d++) {
      query[d] = q[at + d];
    }
  }
  var total = array<vec4f, value_quads>();
  var total_greatest = lowest;
  var total_sum = 0.0;
  for (var first = visible_from / split_size * split_size; first < visible_to; first += split_size) {
    let begin = max(visible_from, first) - first;
    let keys = min(split_size, visible_to - first);
    var greatest = lowest;
    for (var key = begin; key < keys; key++) {
      let region = region_of(false, batch[table + (first + key) / block_size], kv_head);
      var score = 0.0;
      for (var d = 0u; d < head_quads; d += 8u) {
        let quads = eight_quads(false, region, key % block_size, d, place);
        for (var j = 0u; j < 8u; j++) {
          if (whole_eights || d + j < head_quads) {
            if (keeps_query) {
              score = fma_quad(query[d + j], quads[j], score);
            } else {
              score = fma_quad(q[at + d + j], quads[j], score);
            }
          }
        }
      }
      if (position_bias) {
        score += constants[params.bias_at + bias_of(first + key, position) * heads + head];
      }
      if (softcap) {
        score = capped(score, params.cap);
      }
      score = select(lowest, score, is_visible(is_causal, first + key, position));
      put_score(key, lane, score);
      greatest = max(greatest, score);
    }
    var part = array<vec4f, value_quads>();
    var sum = 0.0;
    for (var key = begin; key < keys; key++) {
      let region = region_of(true, batch[table + (first + key) / block_size], kv_head);
      let weight = exp(score_at(key, lane) - greatest);
      let p = select(0.0, weight, is_visible(is_causal, first + key, position));
      sum += p;
      for (var d = 0u; d < value_quads; d += 8u) {
        let quads = eight_quads(true, region, key % block_size, d, place);
        for (var j = 0u; j < 8u; j++) {
          if (whole_value_eights || d + j < value_quads) {
            part[d + j] = fma(vec4f(p), quads[j], part[d + j]);
          }
        }
      }
    }
    let merged = merge(total_greatest, total_sum, greatest, sum);
    for (var d = 0u; d < value_quads; d++) {
      total[d] = fma(total[d], vec4f(merged.keep), part[d] * merged.take);
    }
    total_greatest = merged.greatest;
    total_sum = merged.sum;
  }
  if (sinks) {
    let merged = merge(total_greatest, total_sum, constants[params.sinks_at + head], 1.0);
    for (var d = 0u; d < value_quads; d++) {
      total[d] *= merged.keep;
    }
    total_sum = merged.sum;
  }
  if (lane / heads_each < count && own_head == head) {
    for (var d = 0u; d < value_quads; d++) {
      y[(batch[tile] + token) * params.y_stride + head * value_quads + d] = total[d] / total_sum;
    }
  }
}
