// A group of four rows of a matrix. Rows have names: drivers gather each number of an array that a variable indexes, unless they
// unroll its loop, which SwiftShader never does and Mesa only where it is short.
import package::weights::{Header, Packed, header, fetch, scale};

struct Rows { a: Packed, b: Packed, c: Packed, d: Packed }

// What their blocks share.
struct Headers { a: Header, b: Header, c: Header, d: Header }

// The scale and the minimum of each.
struct Scales { a: vec2f, b: vec2f, c: vec2f, d: vec2f }

fn rows_of(groups: vec4u) -> Rows {
  return Rows(fetch(groups.x), fetch(groups.y), fetch(groups.z), fetch(groups.w));
}

fn headers_of(groups: vec4u) -> Headers {
  return Headers(header(groups.x), header(groups.y), header(groups.z), header(groups.w));
}

fn scales_of(headers: Headers, place: u32, span: u32) -> Scales {
  return Scales(
    scale(headers.a, place, span), scale(headers.b, place, span), scale(headers.c, place, span), scale(headers.d, place, span),
  );
}
