// One workgroup unpacks one token's row of the embedding. An id with its top bit set stands for the id that the step
// before drew for the slot in the other bits. Where the matrix is split by rows, another dispatch has the other rows.
import package::weights::{header, header_groups, fetch, octet, scale, spans};

fn put(at: u32, row: vec4f) {
  var value = row;
  if (scaled) {
    value *= params.scale;
  }
  if (residual) {
    y[at] += value;
  } else {
    y[at] = value;
  }
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let token = group.x;
  var id = batch[params.ids_at + token];
  if (id >= 0x80000000u) {
    id = sampled[id & 0x7fffffffu];
  }
  if (bounded && id >= params.ids) {
    id = 0u;
  }
  id += params.id_offset;
  if (id < params.first_row || id - params.first_row >= params.rows) {
    return;
  }
  let row_group = (id - params.first_row) * params.groups;
  for (var o = lane; o < params.groups * 4u; o += workgroup_size) {
    let g = row_group + o / 4u;
    let i = o % 4u;
    let s = scale(header(g), g % header_groups, i / (4u / spans));
    let w = octet(fetch(g), i);
    let at = token * params.groups * 8u + 2u * o;
    put(at, fma(vec4f(s.x), w.low, vec4f(s.y)));
    put(at + 1u, fma(vec4f(s.x), w.high, vec4f(s.y)));
  }
}
