// Puts a token's row of x into workgroup memory, normalized as norm.wgsl does it.
import package::bindings::{x, constants, params, workgroup_size, row_quads, centered, shifted};
import package::lib::strands::{strands, keep_strand, total_of_strands};
import package::inputs::staged::{made_quad, make_quad};

// A row's quads, without those that pad it to whole groups.
fn own_quads() -> u32 {
  return params.norm_width / 4u;
}

@if(centered)
fn centered_quad(q: u32, mean: f32) -> vec4f {
  return made_quad(q) - vec4f(mean);
}

@if(!centered)
fn centered_quad(q: u32, mean: f32) -> vec4f {
  return made_quad(q);
}

fn four_constants(at: u32) -> vec4f {
  return vec4f(constants[at], constants[at + 1u], constants[at + 2u], constants[at + 3u]);
}

// The lanes that sum a strand have loaded it, unless there are more lanes than strands.
fn prepare(row: u32, lane: u32) {
  let quads = own_quads();
  for (var q = lane; q < row_quads; q += workgroup_size) {
    make_quad(q, x[row * params.x_stride + q]);
  }
  if (workgroup_size > strands) {
    workgroupBarrier();
  }
  var mean = 0.0;
  if (centered) {
    for (var strand = lane; strand < strands; strand += workgroup_size) {
      var sum = vec4f();
      for (var q = strand; q < quads; q += strands) {
        sum += made_quad(q);
      }
      keep_strand(strand, sum);
    }
    mean = total_of_strands(lane) / f32(params.norm_width);
  }
  for (var strand = lane; strand < strands; strand += workgroup_size) {
    var sum = vec4f();
    for (var q = strand; q < quads; q += strands) {
      let quad = centered_quad(q, mean);
      sum = fma(quad, quad, sum);
    }
    keep_strand(strand, sum);
  }
  let scale = inverseSqrt(total_of_strands(lane) / f32(params.norm_width) + params.norm_eps);
  for (var q = lane; q < quads; q += workgroup_size) {
    var value = centered_quad(q, mean) * scale;
    value *= four_constants(params.norm_at + 4u * q);
    if (shifted) {
      value += four_constants(params.norm_bias_at + 4u * q);
    }
    make_quad(q, value);
  }
  workgroupBarrier();
}
