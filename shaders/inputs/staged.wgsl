// What a product of one token multiplies its weights with: a row of row_quads quads in workgroup memory, which a prologue
// has computed.
import package::bindings::row_quads;
import package::lib::subgroups::{of_eight, place_of};

var<workgroup> staged: array<vec4f, row_quads>;

alias Row = u32;

fn row_from(begin: u32) -> Row {
  return place_of(8u);
}

@if(subgroups) alias Group = array<vec4f, 8>;
@if(!subgroups) alias Group = u32;

@if(subgroups)
fn group_at(row: Row, group: u32) -> Group {
  return of_eight(staged[row + group * 8u]);
}

@if(!subgroups)
fn group_at(row: Row, group: u32) -> Group {
  return group * 8u;
}

@if(subgroups)
fn quad_of(group: Group, i: u32) -> vec4f {
  return group[i];
}

@if(!subgroups)
fn quad_of(group: Group, i: u32) -> vec4f {
  return staged[group + i];
}
