// Values that every lane of a workgroup wants, loaded once for eight lanes or four. A CPU driver pays for each lane's load, and
// little for passing a value on. `subgroups` is set only on a device whose subgroups have so many lanes at least; a
// workgroup's lanes are a multiple of them then, and all of them come here together.

// The lane's place among so many that load for one another: four or eight.
@if(subgroups)
fn place_of(count: u32) -> u32 {
  return subgroupExclusiveAdd(1u) & (count - 1u);
}

@if(!subgroups)
fn place_of(count: u32) -> u32 {
  return 0u;
}

// What the first four lanes have.
@if(subgroups)
fn of_four(mine: vec4f) -> array<vec4f, 4> {
  return array<vec4f, 4>(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
  );
}

// What the four behind them have.
@if(subgroups)
fn of_next_four(mine: vec4f) -> array<vec4f, 4> {
  return array<vec4f, 4>(
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}

@if(subgroups)
fn scalars_of_four(mine: f32) -> vec4f {
  return vec4f(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
  );
}

@if(subgroups)
fn scalars_of_next_four(mine: f32) -> vec4f {
  return vec4f(
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}

// What the lanes at the eight places have.
@if(subgroups)
fn of_eight(mine: vec4f) -> array<vec4f, 8> {
  return array<vec4f, 8>(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}

@if(subgroups)
fn scalars_of_eight(mine: f32) -> array<f32, 8> {
  return array<f32, 8>(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}

@if(subgroups)
fn words_from_eight(mine: u32) -> array<u32, 8> {
  return array<u32, 8>(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}

// Whether the lane has something to do, or one that it must load for.
@if(subgroups)
fn wanted(own: bool) -> bool {
  return subgroupAny(own);
}

@if(!subgroups)
fn wanted(own: bool) -> bool {
  return own;
}

@if(subgroups)
fn words_from_four(mine: u32) -> vec4u {
  return vec4u(
    subgroupBroadcast(mine, 0u), subgroupBroadcast(mine, 1u), subgroupBroadcast(mine, 2u), subgroupBroadcast(mine, 3u),
  );
}

@if(subgroups)
fn words_from_next_four(mine: u32) -> vec4u {
  return vec4u(
    subgroupBroadcast(mine, 4u), subgroupBroadcast(mine, 5u), subgroupBroadcast(mine, 6u), subgroupBroadcast(mine, 7u),
  );
}
