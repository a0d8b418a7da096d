// A run of consecutive tokens of one sequence, as the batch lists it for kernels that keep a state.
import package::bindings::{batch, params};

struct Chunk { first: u32, end: u32, begins: bool, slot: u32 }

// Rows first … end − 1 of the activations. A sequence that begins has no state yet, whatever its slot holds.
fn chunk_at(index: u32) -> Chunk {
  let at = params.chunks_at + 4u * index;
  return Chunk(batch[at], batch[at] + batch[at + 1u], batch[at + 2u] == 0u, batch[at + 3u]);
}
