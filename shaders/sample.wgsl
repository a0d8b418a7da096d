// One workgroup draws one id from one row of logits, raw or adjusted.
//
// Greedy is the best id. Else top-k, top-p and min-p each become a threshold on the logit, found over the logits'
// order keys eight bits at a time: a histogram of counts for top-k, of probability in fixed point for top-p, so that
// no sum depends on the order of the lanes. Of the ids at or above the threshold the one with the greatest
// logit / temperature + Gumbel noise is drawn (Gumbel 1954; Maddison et al. 2014, arXiv:1411.0030).
import package::lib::order::{order_key, order_value};
import package::lib::best::{Best, better, workgroup_best};
import package::lib::settings::{
  settings_words, temperature_at, top_k_at, top_p_at, min_p_at, seed_at, position_at, slot_at, flags_at, counts_ids
};

// Probability relative to the best id, in units of 2⁻²⁴, split so that 2¹⁸ of them cannot overflow.
var<workgroup> bin_counts: array<atomic<u32>, 256>;
var<workgroup> low_mass: array<atomic<u32>, 256>;
var<workgroup> high_mass: array<atomic<u32>, 256>;
var<workgroup> chosen: u32;
var<workgroup> remaining: f32;

// A permutation of 32 bits (PCG, O'Neill 2014; Jarzynski & Olano 2020, "Hash Functions for GPU Rendering").
fn scramble(value: u32) -> u32 {
  let state = value * 747796405u + 2891336453u;
  let word = ((state >> ((state >> 28u) + 4u)) ^ state) * 277803737u;
  return (word >> 22u) ^ word;
}

// −log(−log(u)) for u uniform in (0, 1), by way of v = 1 − u: the greatest noise comes from the smallest v, of which an
// f32 holds 32 bits of chance where u would round to 1 and win every draw.
fn gumbel(seed: u32, position: u32, id: u32) -> f32 {
  let bits = scramble(scramble(scramble(seed) ^ position) ^ id);
  let v = min((f32(bits) + 0.5) * 0x1p-32, 1.0 - 0x1p-24);
  // The series of −log(1 − v), whose error WGSL bounds in absolute terms only.
  let small = v * fma(v, fma(v, fma(v, 0.25, 1.0 / 3.0), 0.5), 1.0);
  return -log(select(-log(1.0 - v), small, v < 0x1p-7));
}

fn key_at(row: u32, id: u32) -> u32 {
  return order_key(logits[row * params.vocab + id]);
}

fn mass_of(key: u32, greatest: f32, temperature: f32) -> u32 {
  return u32(exp((order_value(key) - greatest) / temperature) * 0x1p24);
}

// The greatest key for which the keys at or above it number (or weigh) at least `wanted`, among keys ≥ `floor_key`.
fn threshold(row: u32, lane: u32, floor_key: u32, by_mass: bool, wanted: f32, greatest: f32, temperature: f32) -> u32 {
  var prefix = 0u;
  var needed = wanted;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    for (var bin = lane; bin < 256u; bin += workgroup_size) {
      atomicStore(&bin_counts[bin], 0u);
      atomicStore(&low_mass[bin], 0u);
      atomicStore(&high_mass[bin], 0u);
    }
    workgroupBarrier();
    for (var id = lane; id < params.vocab; id += workgroup_size) {
      let key = key_at(row, id);
      // In the first round there is no prefix yet, and a shift by 32 is none.
      let in_prefix = round == 0u || ((key ^ prefix) >> ((shift + 8u) % 32u)) == 0u;
      if (key >= floor_key && in_prefix) {
        let bin = (key >> shift) & 255u;
        if (by_mass) {
          let mass = mass_of(key, greatest, temperature);
          atomicAdd(&low_mass[bin], mass & 4095u);
          atomicAdd(&high_mass[bin], mass >> 12u);
        } else {
          atomicAdd(&bin_counts[bin], 1u);
        }
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var before = 0.0;
      var bin = 255u;
      loop {
        var here = f32(atomicLoad(&bin_counts[bin]));
        if (by_mass) {
          here = fma(f32(atomicLoad(&high_mass[bin])), 4096.0, f32(atomicLoad(&low_mass[bin])));
        }
        if (before + here >= needed || bin == 0u) {
          break;
        }
        before += here;
        bin--;
      }
      chosen = bin;
      remaining = needed - before;
    }
    workgroupBarrier();
    prefix |= workgroupUniformLoad(&chosen) << shift;
    needed = workgroupUniformLoad(&remaining);
  }
  return max(prefix, floor_key);
}

// Probability at or above a key, in the units of `low_mass`.
fn total_mass(row: u32, lane: u32, floor_key: u32, greatest: f32, temperature: f32) -> f32 {
  if (lane == 0u) {
    atomicStore(&low_mass[0], 0u);
    atomicStore(&high_mass[0], 0u);
  }
  workgroupBarrier();
  for (var id = lane; id < params.vocab; id += workgroup_size) {
    let key = key_at(row, id);
    if (key >= floor_key && key > 0u) {
      let mass = mass_of(key, greatest, temperature);
      atomicAdd(&low_mass[0], mass & 4095u);
      atomicAdd(&high_mass[0], mass >> 12u);
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    remaining = fma(f32(atomicLoad(&high_mass[0])), 4096.0, f32(atomicLoad(&low_mass[0])));
  }
  return workgroupUniformLoad(&remaining);
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x;
  let setting = params.settings_at + row * settings_words;
  let temperature = bitcast<f32>(batch[setting + temperature_at]);
  let top_k = batch[setting + top_k_at];
  let top_p = bitcast<f32>(batch[setting + top_p_at]);
  let min_p = bitcast<f32>(batch[setting + min_p_at]);
  let seed = batch[setting + seed_at];
  let position = batch[setting + position_at];

  var mine = Best(0u, 0xffffffffu);
  for (var id = lane; id < params.vocab; id += workgroup_size) {
    let candidate = Best(key_at(row, id), id);
    if (better(candidate, mine)) {
      mine = candidate;
    }
  }
  var best = workgroup_best(mine, lane);
  if (temperature > 0.0) {
    let greatest = order_value(best.key);
    var floor_key = 1u;
    if (top_k > 0u && top_k < params.vocab) {
      floor_key = threshold(row, lane, floor_key, false, f32(top_k), greatest, temperature);
    }
    if (top_p < 1.0) {
      let wanted = max(1.0, top_p * total_mass(row, lane, floor_key, greatest, temperature));
      floor_key = threshold(row, lane, floor_key, true, wanted, greatest, temperature);
    }
    if (min_p > 0.0) {
      floor_key = max(floor_key, order_key(greatest + temperature * log(min_p)));
    }
    // The best id passes every filter, also where rounding put a threshold above it.
    floor_key = min(floor_key, best.key);
    mine = Best(0u, 0xffffffffu);
    for (var id = lane; id < params.vocab; id += workgroup_size) {
      let key = key_at(row, id);
      if (key >= floor_key) {
        let noisy = (order_value(key) - greatest) / temperature + gumbel(seed, position, id);
        let candidate = Best(order_key(noisy), id);
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
