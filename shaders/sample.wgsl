// One workgroup draws one id from one row of logits, raw or adjusted.
//
// Greedy is the best id. Else top-k, top-p and min-p each become a threshold on the logit, and of the ids at or above it
// the one with the greatest logit / temperature + Gumbel noise is drawn.
import package::lib::order::{order_key, order_value};
import package::lib::best::{Best, better, workgroup_best};
import package::lib::gumbel::{gumbel, noise_stream};
import package::lib::mass::{Scale, key_at};
import package::lib::settings::{
  settings_words, temperature_at, top_k_at, top_p_at, min_p_at, seed_at, position_at, slot_at, flags_at, counts_ids
};
import package::lib::shortlist::{
  Shortlist, shortlist, most_wanted, strips, keys, listed_id
};
import package::lib::threshold::{threshold, total_mass};

fn noisy(key: u32, id: u32, stream: u32, scale: Scale) -> Best {
  let noise = gumbel(stream, id);
  return Best(order_key((order_value(key) - scale.greatest) / scale.temperature + noise), id);
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let setting = params.settings_at + row * settings_words;
  let temperature = bitcast<f32>(batch[setting + temperature_at]);
  let top_p = bitcast<f32>(batch[setting + top_p_at]);
  let min_p = bitcast<f32>(batch[setting + min_p_at]);
  var top_k = batch[setting + top_k_at];
  if (top_k >= params.vocab) {
    top_k = 0u;
  }

  var mine = Best(0u, 0xffffffffu);
  for (var strip = lane; strip < strips; strip += workgroup_size) {
    var greatest = 0u;
    for (var id = strip; id < params.vocab; id += strips) {
      let candidate = Best(key_at(row, id), id);
      greatest = max(greatest, candidate.key);
      if (better(candidate, mine)) {
        mine = candidate;
      }
    }
    keys[strip] = greatest;
  }
  var best = workgroup_best(mine, lane);
  if (temperature > 0.0) {
    let scale = Scale(row, order_value(best.key), temperature);
    var list = Shortlist(false, 0u, 1u);
    if (top_k > 0u || top_p < 1.0) {
      if (top_k <= most_wanted) {
        list = shortlist(lane, top_k, top_p, scale);
      }
      if (!list.complete) {
        list.floor_key = 1u;
        // One call for both: a driver writes its code once.
        for (var stage = 0u; stage < 2u; stage++) {
          let by_mass = stage == 1u;
          if (select(top_k > 0u, top_p < 1.0, by_mass)) {
            var wanted = f32(top_k);
            if (by_mass) {
              wanted = max(1.0, top_p * total_mass(lane, list.floor_key, scale));
            }
            list.floor_key = threshold(lane, list.floor_key, by_mass, wanted, scale);
          }
        }
      }
    }
    var floor_key = list.floor_key;
    if (min_p > 0.0) {
      floor_key = max(floor_key, order_key(scale.greatest + temperature * log(min_p)));
    }
    // The best id passes every filter, also where rounding put a threshold above it.
    floor_key = min(floor_key, best.key);
    let stream = noise_stream(batch[setting + seed_at], batch[setting + position_at]);
    mine = Best(0u, 0xffffffffu);
    // One walk for both, for the same reason.
    let count = select(params.vocab, list.count, list.complete);
    for (var i = lane; i < count; i += workgroup_size) {
      var id = i;
      var key = 0u;
      if (list.complete) {
        id = listed_id(i);
        key = keys[i];
      } else {
        key = key_at(row, id);
      }
      if (key >= floor_key) {
        let candidate = noisy(key, id, stream, scale);
        if (better(candidate, mine)) {
          mine = candidate;
        }
      }
    }
    best = workgroup_best(mine, lane);
  }
  if (lane == 0u) {
    let id = min(best.index, params.vocab - 1u);
    results[row * params.result_words] = id;
    let slot = batch[setting + slot_at];
    sampled[slot] = id;
    // What the next draw's penalties see, whether or not the CPU has read this id by then.
    if ((batch[setting + flags_at] & counts_ids) != 0u) {
      counts[slot * params.vocab + id] += 1u;
    }
  }
}
