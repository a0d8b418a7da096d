// One head of one token's Q, K or V: its norm and rotation, and where it goes. Q is normalized, rotated and scaled, K
// normalized and rotated, and V as it is goes with K to the KV cache, to the token's slot. A lane owns pairs of quads. Rotated are
// rope_dim elements from rope_from on. Pairs are neighbours (2i, 2i + 1), as llama's GGUF files order them, or, under
// rope_halves, i and i + rope_dim / 2, as transformers does. Where the cache is quantized, the head's least and greatest
// elements are found first. What comes before query_from in each query is not the kernel's: another one has put it there.
import package::bindings::{
  params, constants, batch, rope, q, cache, workgroup_size, heads, kv_heads, head_dim, block_size,
  rope_dim, rope_from, query_from, norm, norm_weights,
  rope_halves, norm_after_rope, norm_bias, value_norm, clips, scales_by_position,
};
@if(!projects) import package::bindings::qkv;
import package::lib::cache::{head_quads, value_quads, quantized, region_of, scale_place, quad_place};
import package::lib::cache_write::{f16_largest, bounded, scale_word, store_pair};
import package::lib::reduce::workgroup_max;
import package::lib::strands::{strands, keep_strand, total_of_strands};

const rope_half = rope_dim / 2u;
const rope_quad = rope_from / 4u;
const rope_ends = rope_quad + (rope_dim + 3u) / 4u;

// As src/kernels/attention.ts numbers the kinds of normalization, and which weights it takes.
const rms_of_head = 1u;
const rms_of_all = 2u;
const layer_of_head = 3u;
const rms_of_latent = 4u;
const one_for_all = 1u;
const one_for_each = 2u;

const query_quad = query_from / 4u;

const of_query = 0u;
const of_key = 1u;
const of_value = 2u;

// One token's head of Q, K or V: the first quad of the token's projected row, the head's first quad in it, that of its
// position in the table, its norm's first constants.
struct Head { row: u32, at: u32, kind: u32, turn: u32, weights: u32, biases: u32 }

fn head_of(token: u32, head: u32) -> Head {
  let row = token * params.row_quads;
  let turn = batch[params.positions_at + token] * params.rope_quads;
  if (head < heads) {
    let own = select(0u, head * head_dim, norm_weights == one_for_each);
    let at = params.q_at + head * params.q_stride - query_quad;
    return Head(row, at, of_query, turn, params.q_norm_at + own, params.q_bias_at + own);
  }
  if (head < heads + kv_heads) {
    let kv_head = head - heads;
    let own = select(0u, kv_head * head_dim, norm_weights == one_for_each);
    let at = params.k_at + kv_head * params.k_stride;
    return Head(row, at, of_key, turn, params.k_norm_at + own, params.k_bias_at + own);
  }
  let at = params.v_at + (head - heads - kv_heads) * params.v_stride;
  return Head(row, at, of_value, turn, 0u, 0u);
}

fn four_constants(at: u32) -> vec4f {
  return vec4f(constants[at], constants[at + 1u], constants[at + 2u], constants[at + 3u]);
}

// Where elements are wanted more than once, the workgroup keeps a head as it enters the rotation and as it leaves it.
@if(!projects) const staged = norm != 0u || value_norm || (rope_halves && rope_half % 4u != 0u);
@if(projects) const staged = true;
var<workgroup> entering: array<vec4f, select(1u, max(head_quads, value_quads), staged)>;
var<workgroup> turned: array<vec4f, select(1u, max(head_quads, value_quads), staged)>;

// Quad d before it is turned.
fn entering_quad(head: Head, d: u32) -> vec4f {
  @if(!projects) {
    if (!staged) {
      return clipped(qkv[head.row + head.at + d]);
    }
  }
  return entering[d];
}

fn clipped(value: vec4f) -> vec4f {
  if (clips) {
    return clamp(value, vec4f(-params.clip), vec4f(params.clip));
  }
  return value;
}

// Quad d, turned where it is one of Q or K.
fn rotated(head: Head, d: u32) -> vec4f {
  let value = entering_quad(head, d);
  if (rope_dim == 0u || head.kind == of_value || d < rope_quad || d >= rope_ends) {
    return value;
  }
  let r = d - rope_quad;
  if (rope_halves) {
    if (rope_half % 4u == 0u) {
      return rotated_halves(head, r, value);
    }
    var turned_value = value;
    for (var i = 0u; i < 4u; i++) {
      turned_value[i] = rotated_element(head, 4u * r + i);
    }
    return turned_value;
  }
  let turn = rope[head.turn + r];
  let both = vec4f(
    value.x * turn.x - value.y * turn.y,
    value.x * turn.y + value.y * turn.x,
    value.z * turn.z - value.w * turn.w,
    value.z * turn.w + value.w * turn.z,
  );
  if (rope_dim % 4u == 2u && r == rope_dim / 4u) {
    return vec4f(both.xy, value.zw);
  }
  return both;
}

// Quad r of the rotated part, where half of it is whole quads.
fn rotated_halves(head: Head, r: u32, value: vec4f) -> vec4f {
  const half_quads = rope_half / 4u;
  let is_first = r < half_quads;
  let pairs = select(r - half_quads, r, is_first);
  let partner = select(pairs, r + half_quads, is_first);
  let other = entering_quad(head, rope_quad + partner);
  let at = head.turn + 2u * pairs;
  let a = rope[at];
  let b = rope[at + 1u];
  let cosine = vec4f(a.x, a.z, b.x, b.z);
  let sine = vec4f(a.y, a.w, b.y, b.w);
  return value * cosine + other * select(sine, -sine, is_first);
}

fn entering_element(head: Head, i: u32) -> f32 {
  return entering_quad(head, i / 4u)[i % 4u];
}

// Element i of the rotated part, or one behind it.
fn rotated_element(head: Head, i: u32) -> f32 {
  let value = entering_element(head, rope_from + i);
  if (i >= rope_dim) {
    return value;
  }
  let is_first = i < rope_half;
  let pair = select(i - rope_half, i, is_first);
  let other = entering_element(head, rope_from + select(pair, i + rope_half, is_first));
  let turns = rope[head.turn + pair / 2u];
  let turn = select(turns.xy, turns.zw, pair % 2u == 1u);
  return value * turn.x + other * select(turn.y, -turn.y, is_first);
}

// Quad d as it goes to Q or to the cache.
fn finished(head: Head, d: u32) -> vec4f {
  if (staged) {
    return turned[d];
  }
  return rotated(head, d);
}

// (x − mean) · factor, of which a head's elements are multiplied with weights.
struct Statistics { mean: f32, factor: f32 }

fn factor_of(squares: f32, count: u32, eps: f32) -> f32 {
  return inverseSqrt(squares / f32(count) + eps);
}

// All heads of a projection, which each of their workgroups sums in the same order.
@if(!projects)
fn statistics_of_all(head: Head, token: u32, lane: u32) -> Statistics {
  let first = select(heads, 0u, head.kind == of_query);
  let count = select(kv_heads, heads, head.kind == of_query);
  for (var strand = lane; strand < strands; strand += workgroup_size) {
    var sum = vec4f();
    for (var i = 0u; i < count; i++) {
      let other = head_of(token, first + i);
      for (var d = strand; d < head_quads; d += strands) {
        let value = qkv[other.row + other.at + d];
        sum = fma(value, value, sum);
      }
    }
    keep_strand(strand, sum);
  }
  return Statistics(0.0, factor_of(total_of_strands(lane), count * head_dim, params.eps));
}

// Of a head in workgroup memory.
fn statistics_of(after_rope: bool, quads: u32, with_mean: bool, eps: f32, lane: u32) -> Statistics {
  workgroupBarrier();
  var mean = 0.0;
  if (with_mean) {
    for (var strand = lane; strand < strands; strand += workgroup_size) {
      var sum = vec4f();
      for (var d = strand; d < quads; d += strands) {
        sum += staged_quad(after_rope, d);
      }
      keep_strand(strand, sum);
    }
    mean = total_of_strands(lane) / f32(4u * quads);
  }
  for (var strand = lane; strand < strands; strand += workgroup_size) {
    var sum = vec4f();
    for (var d = strand; d < quads; d += strands) {
      let value = staged_quad(after_rope, d) - vec4f(mean);
      sum = fma(value, value, sum);
    }
    keep_strand(strand, sum);
  }
  return Statistics(mean, factor_of(total_of_strands(lane), 4u * quads, eps));
}

fn staged_quad(after_rope: bool, d: u32) -> vec4f {
  if (after_rope) {
    return turned[d];
  }
  return entering[d];
}

// Quad d of a head of Q or K.
fn normalized(head: Head, statistics: Statistics, d: u32, value: vec4f) -> vec4f {
  var y = (value - vec4f(statistics.mean)) * statistics.factor;
  if (norm_weights != 0u) {
    y *= four_constants(head.weights + 4u * d);
  }
  if (norm_bias) {
    y += four_constants(head.biases + 4u * d);
  }
  return y;
}

// The quads of a head that are there.
fn quads_of(head: Head) -> u32 {
  return select(head_quads, value_quads, head.kind == of_value);
}

fn first_quad_of(head: Head) -> u32 {
  return select(0u, query_quad, head.kind == of_query);
}

// Fills `turned` with the head in `entering`, normalized and rotated.
fn stage(head: Head, token: u32, lane: u32) {
  let is_value = head.kind == of_value;
  let quads = quads_of(head);
  let first = first_quad_of(head) + lane;
  if (is_value) {
    if (value_norm) {
      let statistics = statistics_of(false, quads, false, params.value_eps, lane);
      for (var d = lane; d < quads; d += workgroup_size) {
        entering[d] *= statistics.factor;
      }
    }
  } else if (norm == rms_of_latent) {
    if (head.kind == of_key) {
      let statistics = statistics_of(false, value_quads, false, params.eps, lane);
      for (var d = lane; d < value_quads; d += workgroup_size) {
        entering[d] = normalized(head, statistics, d, entering[d]);
      }
    }
  } else if (norm != 0u && !norm_after_rope) {
    var statistics: Statistics;
    if (norm != rms_of_all) {
      statistics = statistics_of(false, quads, norm == layer_of_head, params.eps, lane);
    }
    @if(!projects) {
      if (norm == rms_of_all) {
        statistics = statistics_of_all(head, token, lane);
      }
    }
    for (var d = lane; d < quads; d += workgroup_size) {
      entering[d] = normalized(head, statistics, d, entering[d]);
    }
  }
  for (var d = first; d < quads; d += workgroup_size) {
    entering[d] = clipped(entering[d]);
  }
  workgroupBarrier();
  for (var d = first; d < quads; d += workgroup_size) {
    turned[d] = rotated(head, d);
  }
  if (norm != 0u && norm_after_rope && !is_value) {
    let statistics = statistics_of(true, quads, norm == layer_of_head, params.eps, lane);
    for (var d = lane; d < quads; d += workgroup_size) {
      turned[d] = normalized(head, statistics, d, turned[d]);
    }
  }
  workgroupBarrier();
}

// Scale of a token's query; under scales_by_position it grows with each scale_span positions (Llama 4).
fn query_scale(token: u32) -> f32 {
  if (scales_by_position) {
    let spans = (batch[params.positions_at + token] + params.scale_from) / params.scale_span;
    return params.scale * fma(params.scale_beta, log(1.0 + f32(spans)), 1.0);
  }
  return params.scale;
}

// Puts a head where it goes: a query into q, a key or a value into the cache.
fn write_head(head: Head, number: u32, token: u32, lane: u32) {
  if (number < heads) {
    let scale = query_scale(token);
    for (var d = query_quad + lane; d < head_quads; d += workgroup_size) {
      q[(token * heads + number) * head_quads + d] = finished(head, d) * scale;
    }
    return;
  }
  let slot = batch[params.slots_at + token];
  let key = slot % block_size;
  let is_value = number >= heads + kv_heads;
  let quads = quads_of(head);
  let region = region_of(is_value, slot / block_size, (number - heads) % kv_heads);
  var scale = 0u;
  if (quantized) {
    var least = f16_largest;
    var most = -f16_largest;
    for (var d = lane; d < quads; d += workgroup_size) {
      let value = bounded(finished(head, d));
      least = min(least, min(min(value.x, value.y), min(value.z, value.w)));
      most = max(most, max(max(value.x, value.y), max(value.z, value.w)));
    }
    scale = scale_word(-workgroup_max(-least, lane), workgroup_max(most, lane));
    if (lane == 0u) {
      cache[scale_place(is_value, region, key)] = scale;
    }
  }
  for (var d = 2u * lane; d < quads; d += 2u * workgroup_size) {
    let has_second = d + 1u < quads;
    let a = finished(head, d);
    let b = finished(head, select(d, d + 1u, has_second));
    let first = quad_place(is_value, region, key, d);
    let second = quad_place(is_value, region, key, d + 1u);
    store_pair(first, second, has_second, a, b, scale);
  }
}
