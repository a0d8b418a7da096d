// What a product of few tokens multiplies its weights with: rows of x as they lie in storage.
import package::bindings::x;
import package::lib::subgroups::{of_eight, place_of};

// Where a token's row begins; with subgroups, at the quad of each eight that this lane loads.
alias Row = u32;

fn row_from(begin: u32) -> Row {
  return begin + place_of(8u);
}

// A group's eight quads: with subgroups loaded at once, a quad a lane; else where they begin.
@if(subgroups) alias Group = array<vec4f, 8>;
@if(!subgroups) alias Group = u32;

@if(subgroups)
fn group_at(row: Row, group: u32) -> Group {
  return of_eight(x[row + group * 8u]);
}

@if(!subgroups)
fn group_at(row: Row, group: u32) -> Group {
  return row + group * 8u;
}

@if(subgroups)
fn quad_of(group: Group, i: u32) -> vec4f {
  return group[i];
}

@if(!subgroups)
fn quad_of(group: Group, i: u32) -> vec4f {
  return x[group + i];
}
