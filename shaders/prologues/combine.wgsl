// Puts what the heads of the batch's only token give into workgroup memory, as attention_combine merges it.
import package::bindings::{params, workgroup_size, row_quads, heads, routes};
import package::lib::combine::{combined, splits_of, value_quads};
import package::inputs::staged::make_quad;

fn prepare(tile: u32, lane: u32) {
  let splits = splits_of(routes[params.tiles_at + 5u * tile + 2u]);
  for (var q = lane; q < row_quads; q += workgroup_size) {
    let value = combined(tile, min(q / value_quads, heads - 1u), splits, q % value_quads);
    make_quad(q, select(vec4f(), value, q < heads * value_quads));
  }
  workgroupBarrier();
}
