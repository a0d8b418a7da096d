// A workgroup prepares a part of one row of logits for `sample`: bias, then penalties, then what must not be drawn. A
// row that asks for none of these is copied, since all rows of a step are drawn from one buffer.
import package::lib::settings::{
  settings_words, slot_at, flags_at, repetition_at, presence_at, frequency_at, biases_at, bias_count_at, mask_at,
  counts_ids, has_mask
};

// Far below all logits; minus infinity may be assumed away.
const masked = -1e30;

struct Penalties { repetition: f32, presence: f32, frequency: f32 }

// The logit of an id with its counts: 31 bits of how often it is in the answer, and on top whether the prompt has it.
fn penalized(logit: f32, seen: u32, penalties: Penalties) -> f32 {
  var value = logit;
  if (seen != 0u) {
    value = select(value * penalties.repetition, value / penalties.repetition, value > 0.0);
  }
  let count = seen & 0x7fffffffu;
  if (count != 0u) {
    value = fma(-penalties.frequency, f32(count), value) - penalties.presence;
  }
  return value;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.y;
  let setting = params.settings_at + row * settings_words;
  let flags = batch[setting + flags_at];
  let at = row * params.vocab;
  let seen_at = batch[setting + slot_at] * params.vocab;
  let allowed_at = batch[setting + mask_at];
  let penalties = Penalties(
    bitcast<f32>(batch[setting + repetition_at]),
    bitcast<f32>(batch[setting + presence_at]),
    bitcast<f32>(batch[setting + frequency_at]),
  );
  let first = group.x * workgroup_size * ids_per_lane;
  let end = min(first + workgroup_size * ids_per_lane, params.vocab);
  let counted = (flags & counts_ids) != 0u;
  for (var id = first + lane; id < end; id += workgroup_size) {
    var value = logits[at + id];
    if (counted) {
      value = penalized(value, counts[seen_at + id], penalties);
    }
    if ((flags & has_mask) != 0u && ((batch[allowed_at + id / 32u] >> (id % 32u)) & 1u) == 0u) {
      value = masked;
    }
    adjusted[at + id] = value;
  }
  storageBarrier();
  // A biased id is computed again with its bias, which comes before the penalties; one that is banned has so low a bias
  // that it ends below all.
  let biases = batch[setting + biases_at];
  let bias_count = batch[setting + bias_count_at];
  for (var i = lane; i < bias_count; i += workgroup_size) {
    let id = batch[biases + 2u * i];
    if (id >= first && id < end && adjusted[at + id] != masked) {
      let bias = bitcast<f32>(batch[biases + 2u * i + 1u]);
      var value = max(logits[at + id] + bias, masked);
      if (counted && value != masked) {
        value = penalized(value, counts[seen_at + id], penalties);
      }
      adjusted[at + id] = value;
    }
  }
}
