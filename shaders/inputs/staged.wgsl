// What a product of one token multiplies its weights with: a row of row_quads quads in workgroup memory, which a prologue
// has computed. They lie there as words, since what rounds a row puts words of integers in their place.
import package::bindings::row_quads;
import package::lib::subgroups::{of_eight, place_of};

var<workgroup> staged: array<vec4u, row_quads>;

fn made_quad(q: u32) -> vec4f {
  return bitcast<vec4f>(staged[q]);
}

fn make_quad(q: u32, value: vec4f) {
  staged[q] = bitcast<vec4u>(value);
}

alias Row = u32;

fn row_from(begin: u32) -> Row {
  return place_of(8u);
}

@if(subgroups) alias Group = array<vec4f, 8>;
@if(!subgroups) alias Group = u32;

@if(subgroups)
fn group_at(row: Row, group: u32) -> Group {
  return of_eight(made_quad(row + group * 8u));
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
  return made_quad(group + i);
}
