// One workgroup sorts all entries into tiles. In which order an expert's entries come into its tiles is left to the
// lanes: a token's sums are its own wherever it stands.
import package::lib::tiles::{no_entry, tile_at};

var<workgroup> counts: array<atomic<u32>, experts>;
var<workgroup> first_tile: array<u32, experts>;

fn tiles_of(count: u32) -> u32 {
  return (count + tokens_per_lane - 1u) / tokens_per_lane;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(local_invocation_index) lane: u32) {
  let entries = routes[0];
  for (var e = lane; e < experts; e += workgroup_size) {
    atomicStore(&counts[e], 0u);
  }
  workgroupBarrier();
  for (var i = lane; i < entries; i += workgroup_size) {
    atomicAdd(&counts[routes[1u + i]], 1u);
  }
  workgroupBarrier();
  if (lane == 0u) {
    var tile = 0u;
    for (var e = 0u; e < experts; e++) {
      first_tile[e] = tile;
      tile += tiles_of(atomicLoad(&counts[e]));
    }
    tiles[0] = tile;
  }
  workgroupBarrier();
  for (var e = lane; e < experts; e += workgroup_size) {
    let count = atomicLoad(&counts[e]);
    for (var tile = 0u; tile < tiles_of(count); tile++) {
      let at = tile_at(first_tile[e] + tile);
      tiles[at] = e;
      for (var place = 0u; place < tokens_per_lane; place++) {
        if (tile * tokens_per_lane + place >= count) {
          tiles[at + 1u + place] = no_entry;
        }
      }
    }
    atomicStore(&counts[e], 0u);
  }
  workgroupBarrier();
  for (var i = lane; i < entries; i += workgroup_size) {
    let expert = routes[1u + i];
    let place = atomicAdd(&counts[expert], 1u);
    let tile = first_tile[expert] + place / tokens_per_lane;
    tiles[tile_at(tile) + 1u + place % tokens_per_lane] = i;
  }
}
