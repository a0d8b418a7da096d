// The tokens of a lane of a product of many: fours of them, one or two, that every lane of a workgroup wants. With `subgroups` as many
// lanes as there are tokens each load one of them for all. Fours are named one by one, for the reason that rows are:
// see four_rows.wgsl.
import package::bindings::tokens_per_lane;
import package::lib::subgroups::place_of;

const fours = tokens_per_lane / 4u;
// The number of the last four, which may be the first.
const last = fours - 1u;

// Where their rows begin: of each four, or of the one token that a lane loads.
@if(subgroups) alias TokenRows = u32;
@if(!subgroups) alias TokenRows = array<vec4u, fours>;

@if(subgroups)
fn token_rows(places: array<vec4u, fours>) -> TokenRows {
  let place = place_of(tokens_per_lane);
  return select(places[0], places[last], place >= 4u)[place & 3u];
}

@if(!subgroups)
fn token_rows(places: array<vec4u, fours>) -> TokenRows {
  return places;
}
