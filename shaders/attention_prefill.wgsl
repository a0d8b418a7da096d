// One workgroup takes a tile of consecutive tokens of one sequence and one kv head; a lane owns one token's one query
// head and keeps its query and output to itself. All lanes read the same key and value at the same time. Splits are those
// of attention_decode, each summed in the order of its keys, and merge in the same order, so both give the same bits.
import package::lib::cache::{head_quads, region_of, eight_quads};
import package::lib::subgroups::place_of_eight;
import package::lib::softmax::{merge, lowest, fma_quad};

const group_heads = heads / kv_heads;
const whole_eights = head_quads % 8u == 0u;

// Each lane's own column; no lane reads another's.
var<workgroup> scores: array<f32, split_size * workgroup_size>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = place_of_eight();
  let tile = params.tiles_at + 4u * group.x;
  let count = batch[tile + 1u];
  let last_position = batch[tile + 2u] + count - 1u;
  let table = params.tables_at + batch[tile + 3u];
  let kv_head = group.y;
  let token = min(lane / group_heads, count - 1u);
  let position = batch[tile + 2u] + token;
  let head = kv_head * group_heads + lane % group_heads;
  let at = ((batch[tile] + token) * heads + head) * head_quads;

  var query = array<vec4f, head_quads>();
  for (var d = 0u; d < head_quads; d++) {
    query[d] = q[at + d];
  }
  var total = array<vec4f, head_quads>();
  var total_greatest = lowest;
  var total_sum = 0.0;
  for (var first = 0u; first <= last_position; first += split_size) {
    let keys = min(split_size, last_position + 1u - first);
    var greatest = lowest;
    for (var key = 0u; key < keys; key++) {
      let region = region_of(batch[table + (first + key) / block_size], kv_head);
      var score = 0.0;
      for (var d = 0u; d < head_quads; d += 8u) {
        let quads = eight_quads(false, region, key % block_size, d, place);
        for (var j = 0u; j < 8u; j++) {
          if (whole_eights || d + j < head_quads) {
            score = fma_quad(query[d + j], quads[j], score);
          }
        }
      }
      score = select(lowest, score, first + key <= position);
      scores[key * workgroup_size + lane] = score;
      greatest = max(greatest, score);
    }
    var part = array<vec4f, head_quads>();
    var sum = 0.0;
    for (var key = 0u; key < keys; key++) {
      let region = region_of(batch[table + (first + key) / block_size], kv_head) + params.values_at;
      let p = select(0.0, exp(scores[key * workgroup_size + lane] - greatest), first + key <= position);
      sum += p;
      for (var d = 0u; d < head_quads; d += 8u) {
        let quads = eight_quads(true, region, key % block_size, d, place);
        for (var j = 0u; j < 8u; j++) {
          if (whole_eights || d + j < head_quads) {
            part[d + j] = fma(vec4f(p), quads[j], part[d + j]);
          }
        }
      }
    }
    let merged = merge(total_greatest, total_sum, greatest, sum);
    for (var d = 0u; d < head_quads; d++) {
      total[d] = fma(total[d], vec4f(merged.keep), part[d] * merged.take);
    }
    total_greatest = merged.greatest;
    total_sum = merged.sum;
  }
  if (lane / group_heads < count) {
    for (var d = 0u; d < head_quads; d++) {
      y[(batch[tile] + token) * params.y_stride + head * head_quads + d] = total[d] / total_sum;
    }
  }
}
