// Eight quads of activations that every lane of a workgroup wants: quad j is x[at + j / 2 · stride + j % 2].
import package::bindings::x;
import package::lib::subgroups::of_eight;

@if(subgroups)
fn eight_quads(at: u32, stride: u32, place: u32) -> array<vec4f, 8> {
  return of_eight(x[at + (place >> 1u) * stride + (place & 1u)]);
}

@if(!subgroups)
fn eight_quads(at: u32, stride: u32, place: u32) -> array<vec4f, 8> {
  return array<vec4f, 8>(
    x[at], x[at + 1u], x[at + stride], x[at + stride + 1u],
    x[at + 2u * stride], x[at + 2u * stride + 1u], x[at + 3u * stride], x[at + 3u * stride + 1u],
  );
}
