// Top-k and top-p of the usual kind keep some dozens of ids. These are found without a histogram: the row is dealt to
// 256 strips, and the n-th greatest of the strips' best keys has at least n ids at or above it, but not many more. Those
// ids make a list in workgroup memory, in which each is ranked by looking at all the others. A list that comes out too
// long, or too short for top-p, is given up for lib/threshold.wgsl, which finds the same ids.
import package::bindings::{params, workgroup_size};
import package::lib::order::order_key;
import package::lib::mass::{Scale, MassSum, key_at, mass_of, mass_added, mass_value};
import package::lib::threshold::{bins, high_in_bins, low_in_bins, workgroup_mass};

const strips = 256u;
// A list has its ids and their masses where a threshold has its bins.
const most_listed = bins;
// A list of so many ids at least is expected to be no longer than `most_listed`: −256 ln(1 − 128 / 256) = 177.
const most_wanted = 128u;
// Least length of a list for top-p alone.
const wanted_for_mass = 128u;
// Below it is only what must not be drawn; see adjust_logits.wgsl.
const least_logit = -0.5e30;

// The best keys of the strips, then those of the list.
var<workgroup> keys: array<u32, max(strips, most_listed)>;
var<workgroup> listed: atomic<u32>;
var<workgroup> lowest_kept: atomic<u32>;
var<workgroup> bound: u32;
var<workgroup> listed_count: u32;

// `complete`: the list has every id that the filters keep, from `floor_key` on.
struct Shortlist { complete: bool, count: u32, floor_key: u32 }

fn listed_id(i: u32) -> u32 {
  return atomicLoad(&low_in_bins[i]);
}

fn listed_mass(i: u32) -> u32 {
  return atomicLoad(&high_in_bins[i]);
}

// The n-th greatest of the strips' keys, which all lanes have written; n ≤ 256.
fn nth_strip(n: u32, lane: u32) -> u32 {
  workgroupBarrier();
  for (var strip = lane; strip < strips; strip += workgroup_size) {
    let key = keys[strip];
    var above = 0u;
    var equal = 0u;
    for (var other = 0u; other < strips; other++) {
      above += select(0u, 1u, keys[other] > key);
      equal += select(0u, 1u, keys[other] == key);
    }
    if (above < n && above + equal >= n) {
      bound = key;
    }
  }
  return workgroupUniformLoad(&bound);
}

// `top_k` 0 is none, `top_p` 1 is none; one of them is given.
fn shortlist(lane: u32, top_k: u32, top_p: f32, scale: Scale) -> Shortlist {
  if (lane == 0u) {
    atomicStore(&listed, 0u);
    atomicStore(&lowest_kept, 0xffffffffu);
  }
  let least_key = order_key(least_logit);
  var floor_key = least_key;
  if (params.vocab > most_listed) {
    floor_key = max(floor_key, nth_strip(select(wanted_for_mass, top_k, top_k > 0u), lane));
  }
  workgroupBarrier();
  var mine = MassSum(0u, 0u);
  for (var id = lane; id < params.vocab; id += workgroup_size) {
    let key = key_at(scale.row, id);
    // Top-p is of the mass of all ids, or of those that top-k keeps.
    if (key >= select(floor_key, least_key, top_k == 0u)) {
      let mass = mass_of(key, scale);
      mine = mass_added(mine, mass);
      if (key >= floor_key) {
        let place = atomicAdd(&listed, 1u);
        if (place < most_listed) {
          keys[place] = key;
          atomicStore(&low_in_bins[place], id);
          atomicStore(&high_in_bins[place], mass);
        }
      }
    }
  }
  workgroupBarrier();
  if (lane == 0u) {
    listed_count = atomicLoad(&listed);
  }
  let count = workgroupUniformLoad(&listed_count);
  if (count > most_listed) {
    return Shortlist(false, 0u, 0u);
  }
  if (top_k > 0u) {
    mine = keep_count(lane, count, top_k);
  }
  if (top_p == 1.0) {
    return Shortlist(true, count, lowest(lane));
  }
  let wanted = max(1.0, top_p * workgroup_mass(mine, lane));
  if (lane == 0u) {
    atomicStore(&lowest_kept, 0xffffffffu);
  }
  var list_mass = MassSum(0u, 0u);
  for (var i = lane; i < count; i += workgroup_size) {
    list_mass = mass_added(list_mass, listed_mass(i));
  }
  if (workgroup_mass(list_mass, lane) < wanted) {
    return Shortlist(false, 0u, 0u);
  }
  keep_mass(lane, count, wanted);
  return Shortlist(true, count, lowest(lane));
}

// Notes the least key of those with fewer than k above them, and gives what the lane's own of them weigh.
fn keep_count(lane: u32, count: u32, top_k: u32) -> MassSum {
  var kept = MassSum(0u, 0u);
  var least = 0xffffffffu;
  for (var i = lane; i < count; i += workgroup_size) {
    let key = keys[i];
    var above = 0u;
    for (var j = 0u; j < count; j++) {
      above += select(0u, 1u, keys[j] > key);
    }
    if (above < top_k) {
      kept = mass_added(kept, listed_mass(i));
      least = min(least, key);
    }
  }
  atomicMin(&lowest_kept, least);
  return kept;
}

// Notes the least key of those above which there is less than the wanted mass.
fn keep_mass(lane: u32, count: u32, wanted: f32) {
  var least = 0xffffffffu;
  for (var i = lane; i < count; i += workgroup_size) {
    let key = keys[i];
    var above = MassSum(0u, 0u);
    for (var j = 0u; j < count; j++) {
      above = mass_added(above, select(0u, listed_mass(j), keys[j] > key));
    }
    if (mass_value(above) < wanted) {
      least = min(least, key);
    }
  }
  atomicMin(&lowest_kept, least);
}

fn lowest(lane: u32) -> u32 {
  workgroupBarrier();
  if (lane == 0u) {
    bound = atomicLoad(&lowest_kept);
  }
  return workgroupUniformLoad(&bound);
}
