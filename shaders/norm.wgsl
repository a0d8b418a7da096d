// One workgroup normalizes one part of a row: it sums values and squares in strands, and the last walk writes.
import package::lib::strands::{strands, keep_strand, total_of_strands};

// Four elements of the part from the i-th on, less the mean; those behind its end are nothing.
fn quad_at(row: u32, i: u32, mean: f32) -> vec4f {
  if (i + 4u <= params.width) {
    return vec4f(
      centered_at(row + i, mean), centered_at(row + i + 1u, mean),
      centered_at(row + i + 2u, mean), centered_at(row + i + 3u, mean),
    );
  }
  var quad = vec4f();
  for (var j = 0u; j < params.width - i; j++) {
    quad[j] = centered_at(row + i + j, mean);
  }
  return quad;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let row = group.x * params.x_stride + params.x_offset + group.y * params.width;
  let to = group.x * params.y_stride + params.y_offset + group.y * params.width;
  let weight = params.weight_offset + group.y * params.weight_stride;
  let bias = params.bias_offset + group.y * params.weight_stride;
  var mean = 0.0;
  if (centered) {
    for (var strand = lane; strand < strands; strand += workgroup_size) {
      var sum = vec4f();
      for (var i = 4u * strand; i < params.width; i += 4u * strands) {
        sum += quad_at(row, i, 0.0);
      }
      keep_strand(strand, sum);
    }
    mean = total_of_strands(lane) / f32(params.width);
  }
  for (var strand = lane; strand < strands; strand += workgroup_size) {
    var sum = vec4f();
    for (var i = 4u * strand; i < params.width; i += 4u * strands) {
      let quad = quad_at(row, i, mean);
      sum = fma(quad, quad, sum);
    }
    keep_strand(strand, sum);
  }
  let scale = inverseSqrt(total_of_strands(lane) / f32(params.width) + params.eps);
  for (var i = lane; i < params.width; i += workgroup_size) {
    var value = centered_at(row + i, mean) * scale;
    if (weighted) {
      value *= constants[weight + i];
    }
    if (biased) {
      value += constants[bias + i];
    }
    if (residual) {
      y[to + i] = fma(params.scale, value, y[to + i]);
    } else {
      y[to + i] = value;
    }
  }
}

@if(centered)
fn centered_at(at: u32, mean: f32) -> f32 {
  return x[at] - mean;
}

@if(!centered)
fn centered_at(at: u32, mean: f32) -> f32 {
  return x[at];
}
