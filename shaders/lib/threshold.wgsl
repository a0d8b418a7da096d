// Top-k and top-p over a whole row, however many ids they keep: each is a threshold on the order keys, found eight bits
// at a time by a histogram, of counts for top-k, of probability for top-p.
import package::bindings::{params, workgroup_size};
import package::lib::mass::{Scale, MassSum, key_at, mass_of, mass_added, mass_value};

const bins = 256u;

// What falls into each bin: the words of its mass, or a count in `high_in_bins`. Until a threshold is wanted a list lies here
// (lib/shortlist.wgsl): some drivers write code for each word of workgroup memory, to make it zero.
var<workgroup> high_in_bins: array<atomic<u32>, bins>;
var<workgroup> low_in_bins: array<atomic<u32>, bins>;
var<workgroup> all_high: atomic<u32>;
var<workgroup> all_low: atomic<u32>;
var<workgroup> chosen: u32;
var<workgroup> remaining: f32;

// The greatest key for which the keys at or above it number (or weigh) at least `wanted`, among keys ≥ `floor_key`.
fn threshold(lane: u32, floor_key: u32, by_mass: bool, wanted: f32, scale: Scale) -> u32 {
  var prefix = 0u;
  var needed = wanted;
  for (var round = 0u; round < 4u; round++) {
    let shift = 24u - 8u * round;
    for (var bin = lane; bin < bins; bin += workgroup_size) {
      atomicStore(&high_in_bins[bin], 0u);
      atomicStore(&low_in_bins[bin], 0u);
    }
    workgroupBarrier();
    for (var id = lane; id < params.vocab; id += workgroup_size) {
      let key = key_at(scale.row, id);
      // In the first round there is no prefix yet, and a shift by 32 is none.
      let in_prefix = round == 0u || ((key ^ prefix) >> ((shift + 8u) % 32u)) == 0u;
      if (key >= floor_key && in_prefix) {
        let bin = (key >> shift) & (bins - 1u);
        if (by_mass) {
          let mass = mass_of(key, scale);
          atomicAdd(&low_in_bins[bin], mass & 4095u);
          atomicAdd(&high_in_bins[bin], mass >> 12u);
        } else {
          atomicAdd(&high_in_bins[bin], 1u);
        }
      }
    }
    workgroupBarrier();
    if (lane == 0u) {
      var before = 0.0;
      var bin = bins - 1u;
      loop {
        var here = f32(atomicLoad(&high_in_bins[bin]));
        if (by_mass) {
          here = mass_value(MassSum(atomicLoad(&high_in_bins[bin]), atomicLoad(&low_in_bins[bin])));
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

// The sum of what the lanes bring.
fn workgroup_mass(mine: MassSum, lane: u32) -> f32 {
  if (lane == 0u) {
    atomicStore(&all_high, 0u);
    atomicStore(&all_low, 0u);
  }
  workgroupBarrier();
  atomicAdd(&all_high, mine.high);
  atomicAdd(&all_low, mine.low);
  workgroupBarrier();
  if (lane == 0u) {
    remaining = mass_value(MassSum(atomicLoad(&all_high), atomicLoad(&all_low)));
  }
  return workgroupUniformLoad(&remaining);
}

// Probability at or above a key.
fn total_mass(lane: u32, floor_key: u32, scale: Scale) -> f32 {
  var mine = MassSum(0u, 0u);
  for (var id = lane; id < params.vocab; id += workgroup_size) {
    let key = key_at(scale.row, id);
    if (key >= floor_key) {
      mine = mass_added(mine, mass_of(key, scale));
    }
  }
  return workgroup_mass(mine, lane);
}
