// One workgroup takes one token, one kv head and one split of the context, for all query heads of that kv head.
// It walks tiles of block_size keys, one block each: a lane scores one key for every query head, then the lanes
// share out the output's quads. Scores are exponentiated once. attention_combine merges the splits.
import package::lib::cache::cache_quad;
import package::lib::softmax::{lowest, fma_quad};
import package::lib::subgroups::{place_of_eight, of_eight, scalars_of_eight, wanted};

const head_quads = head_dim / 4u;
const group_heads = heads / kv_heads;
const whole_eights = head_quads % 8u == 0u;
// A lane owns some quads of the output, each for every head of the group whose number is its part, modulo parts. A GPU
// wants many lanes at work; where lanes load for one another, a value is best read once for all heads.
const parts = select(max(1u, workgroup_size / head_quads), 1u, subgroups);
const part_lanes = select(workgroup_size, head_quads, parts > 1u);
const owned_quads = (head_quads + part_lanes - 1u) / part_lanes;
const owned_heads = (group_heads + parts - 1u) / parts;

var<workgroup> query: array<vec4f, group_heads * head_quads>;
var<workgroup> scores: array<f32, group_heads * block_size>;
var<workgroup> greatest: array<f32, group_heads>;
var<workgroup> sums: array<f32, group_heads>;
var<workgroup> corrections: array<f32, group_heads>;

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
  return scalars_of_eight(scores[head * block_size + key + place]);
}

@if(!subgroups)
fn eight_scores(head: u32, key: u32, place: u32) -> array<f32, 8> {
  var eight: array<f32, 8>;
  for (var j = 0u; j < 8u; j++) {
    eight[j] = scores[head * block_size + key + j];
  }
  return eight;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let place = place_of_eight();
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
  var accumulated = array<vec4f, owned_quads * owned_heads>();
  let part = lane / part_lanes;
  workgroupBarrier();

  for (var b = first_block; b < last_block; b++) {
    let base = (batch[table + b] * kv_heads + kv_head) * block_size * head_dim;
    for (var key = lane; key < block_size; key += workgroup_size) {
      var score = array<f32, group_heads>();
      for (var d = 0u; d < head_quads; d += 8u) {
        var k: array<vec4f, 8>;
        for (var j = 0u; j < 8u; j++) {
          k[j] = cache_quad(base + key * head_dim + 4u * min(d + j, head_quads - 1u));
        }
        for (var h = 0u; h < group_heads; h++) {
          let quads = query_quads(h, d, place);
          for (var j = 0u; j < 8u; j++) {
            if (whole_eights || d + j < head_quads) {
              score[h] = fma_quad(quads[j], k[j], score[h]);
            }
          }
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
    for (var o = 0u; o < owned_quads; o++) {
      let d = lane % part_lanes + o * part_lanes;
      if (wanted(d < head_quads && part < parts)) {
        let value = params.values_at + base + 4u * min(d, head_quads - 1u);
        // In the loop over keys no private array may have an index that is not known when it compiles.
        var sums_of_heads: array<vec4f, owned_heads>;
        for (var n = 0u; n < owned_heads; n++) {
          let correction = corrections[min(part + n * parts, group_heads - 1u)];
          sums_of_heads[n] = accumulated[o * owned_heads + n] * correction;
        }
        for (var key = 0u; key < visible_keys; key += 8u) {
          var weights: array<array<f32, 8>, owned_heads>;
          for (var n = 0u; n < owned_heads; n++) {
            weights[n] = eight_scores(min(part + n * parts, group_heads - 1u), key, place);
          }
          // A key that is not visible has the weight 0, and a value that somebody may have left there.
          for (var j = 0u; j < 8u; j++) {
            let v = select(vec4f(), cache_quad(value + (key + j) * head_dim), key + j < visible_keys);
            for (var n = 0u; n < owned_heads; n++) {
              sums_of_heads[n] = fma(vec4f(weights[n][j]), v, sums_of_heads[n]);
            }
          }
        }
        for (var n = 0u; n < owned_heads; n++) {
          accumulated[o * owned_heads + n] = sums_of_heads[n];
        }
      }
    }
    workgroupBarrier();
  }

  let partial = (group.x * heads + kv_head * group_heads) * params.splits + split;
  for (var o = 0u; o < owned_quads; o++) {
    let d = lane % part_lanes + o * part_lanes;
    for (var n = 0u; n < owned_heads; n++) {
      let h = part + n * parts;
      if (d < head_quads && part < parts && h < group_heads) {
        partials[(partial + h * params.splits) * (head_quads + 1u) + 1u + d] = accumulated[o * owned_heads + n];
      }
    }
  }
  for (var h = lane; h < group_heads; h += workgroup_size) {
    partials[(partial + h * params.splits) * (head_quads + 1u)] = vec4f(greatest[h], sums[h], 0.0, 0.0);
  }
}
