// Tiles of entries that chose the same expert: their number, and for each its expert and tokens_per_lane entries.
import package::bindings::tokens_per_lane;

// A tile's place that has no entry.
const no_entry = 0xffffffffu;

fn tile_at(tile: u32) -> u32 {
  return 1u + tile * (1u + tokens_per_lane);
}
