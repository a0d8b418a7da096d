// One workgroup takes one token, one kv head and one split of the context, for all query heads of that kv head.
// It walks tiles of block_size keys, one block each: a lane scores one key for every query head, then the lanes
// share out the output's quads. Scores are exponentiated once. attention_combine merges the splits.
import package::lib::cache::cache_quad;
import package::lib::softmax::lowest;

const head_quads = head_dim / 4u;
const group_heads = heads / kv_heads;
// Output quads of all heads of the group, dealt to the lanes.
const owned = (group_heads * head_quads + workgroup_size - 1u) / workgroup_size;

var<workgroup> query: array<vec4f, group_heads * head_quads>;
var<workgroup> scores: array<f32, group_heads * block_size>;
var<workgroup> greatest: array<f32, group_heads>;
var<workgroup> sums: array<f32, group_heads>;
var<workgroup> corrections: array<f32, group_heads>;

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let tile = params.tiles_at + 4u * group.x;
  let row = batch[tile];
  let position = batch[tile + 2u];
  let table = params.tables_at + batch[tile + 3u];
  let kv_head = group.y;
  let split = group.z;
  let split_blocks = split_size / block_size;
  let first_block = split * split_blocks;
  if (first_block * block_size > position) {
    return;
  }
  let last_block = min(first_block + split_blocks, position / block_size + 1u);

  for (var i = lane; i < group_heads * head_quads; i += workgroup_size) {
    query[i] = q[(row * heads + kv_head * group_heads) * head_quads + i];
  }
  for (var h = lane; h < group_heads; h += workgroup_size) {
    greatest[h] = lowest;
    sums[h] = 0.0;
  }
  var accumulated = array<vec4f, owned>();
  workgroupBarrier();

  for (var b = first_block; b < last_block; b++) {
    let base = (batch[table + b] * kv_heads + kv_head) * block_size * head_dim;
    for (var key = lane; key < block_size; key += workgroup_size) {
      var score = array<f32, group_heads>();
      for (var d = 0u; d < head_quads; d++) {
        let k = cache_quad(base + key * head_dim + 4u * d);
        for (var h = 0u; h < group_heads; h++) {
          let query_quad = query[h * head_quads + d];
          score[h] = fma(query_quad.w, k.w, fma(query_quad.z, k.z, fma(query_quad.y, k.y, fma(query_quad.x, k.x, score[h]))));
        }
      }
      let visible = b * block_size + key <= position;
      for (var h = 0u; h < group_heads; h++) {
        scores[h * block_size + key] = select(lowest, score[h], visible);
      }
    }
    workgroupBarrier();
    for (var h = lane; h < group_heads; h += workgroup_size) {
      var best = greatest[h];
      for (var key = 0u; key < block_size; key++) {
        best = max(best, scores[h * block_size + key]);
      }
      corrections[h] = exp(greatest[h] - best);
      greatest[h] = best;
    }
    workgroupBarrier();
    let visible_keys = min(block_size, position + 1u - b * block_size);
    for (var i = lane; i < group_heads * block_size; i += workgroup_size) {
      scores[i] = select(0.0, exp(scores[i] - greatest[i / block_size]), i % block_size < visible_keys);
    }
    workgroupBarrier();
    for (var h = lane; h < group_heads; h += workgroup_size) {
      var sum = fma(sums[h], corrections[h], scores[h * block_size]);
      for (var key = 1u; key < block_size; key++) {
        sum += scores[h * block_size + key];
      }
      sums[h] = sum;
    }
    for (var o = 0u; o < owned; o++) {
      let i = lane + o * workgroup_size;
      if (i < group_heads * head_quads) {
        let h = i / head_quads;
        let value = params.values_at + base + 4u * (i % head_quads);
        var sum = accumulated[o] * corrections[h];
        for (var key = 0u; key < visible_keys; key++) {
          sum = fma(vec4f(scores[h * block_size + key]), cache_quad(value + key * head_dim), sum);
        }
        accumulated[o] = sum;
      }
    }
    workgroupBarrier();
  }

  let partial = (group.x * heads + kv_head * group_heads) * params.splits + split;
  for (var o = 0u; o < owned; o++) {
    let i = lane + o * workgroup_size;
    if (i < group_heads * head_quads) {
      partials[(partial + i / head_quads * params.splits) * (head_quads + 1u) + 1u + i % head_quads] = accumulated[o];
    }
  }
  for (var h = lane; h < group_heads; h += workgroup_size) {
    partials[(partial + h * params.splits) * (head_quads + 1u)] = vec4f(greatest[h], sums[h], 0.0, 0.0);
  }
}
