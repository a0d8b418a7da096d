// Eight quads of activations that every lane of a workgroup wants: two that follow one another in each of four rows.
import package::bindings::x;
import package::lib::subgroups::of_eight;

// Where a lane finds them; with subgroups, the one that it loads.
@if(subgroups)
alias Quads = u32;

@if(!subgroups)
alias Quads = vec4u;

@if(subgroups)
fn quads_of_four(rows: vec4u, place: u32) -> Quads {
  return rows[place >> 1u] + (place & 1u);
}

@if(!subgroups)
fn quads_of_four(rows: vec4u, place: u32) -> Quads {
  return rows;
}

@if(subgroups)
fn eight_quads(rows: Quads, at: u32) -> array<vec4f, 8> {
  return of_eight(x[rows + at]);
}

@if(!subgroups)
fn eight_quads(rows: Quads, at: u32) -> array<vec4f, 8> {
  let a = rows + at;
  return array<vec4f, 8>(x[a.x], x[a.x + 1u], x[a.y], x[a.y + 1u], x[a.z], x[a.z + 1u], x[a.w], x[a.w + 1u]);
}
