// One lane owns one channel and walks the tokens of one chunk, with the inputs under the taps in a quad, the newest last.
// The three newest outlive the chunk in the sequence's slot. Fewer than four taps have zero weights for the oldest.
import package::lib::chunks::chunk_at;
import package::lib::gates::silu;

fn input(row: u32, channel: u32) -> f32 {
  let at = row * params.x_stride;
  let value = x[at + params.x_offset + channel / params.run * params.run_stride + channel % params.run];
  if (gated) {
    return value * x[at + params.before_offset + channel];
  }
  return value;
}

fn output(row: u32, channel: u32, sum: f32) -> f32 {
  let value = select(sum, silu(sum), activated);
  if (gated) {
    return value * x[row * params.x_stride + params.after_offset + channel];
  }
  return value;
}

@compute @workgroup_size(workgroup_size)
fn main(@builtin(workgroup_id) group: vec3u, @builtin(local_invocation_index) lane: u32) {
  let channel = group.x * workgroup_size + lane;
  if (channel >= params.channels) {
    return;
  }
  let chunk = chunk_at(group.y);
  let kept = chunk.slot * params.state_stride + params.state_offset + channel;
  var weights = vec4f();
  for (var tap = 0u; tap < taps; tap++) {
    weights[4u - taps + tap] = constants[params.weight_offset + channel * taps + tap];
  }
  var bias = 0.0;
  if (biased) {
    bias = constants[params.bias_offset + channel];
  }
  var inputs = vec4f();
  if (!chunk.begins) {
    inputs = vec4f(0.0, state[kept], state[kept + params.channels], state[kept + 2u * params.channels]);
  }
  for (var row = chunk.first; row < chunk.end; row++) {
    inputs = vec4f(inputs.yzw, input(row, channel));
    var sum = fma(weights.x, inputs.x, bias);
    sum = fma(weights.y, inputs.y, sum);
    sum = fma(weights.z, inputs.z, sum);
    sum = fma(weights.w, inputs.w, sum);
    y[row * params.y_stride + params.y_offset + channel] = output(row, channel, sum);
  }
  state[kept] = inputs.y;
  state[kept + params.channels] = inputs.z;
  state[kept + 2u * params.channels] = inputs.w;
}
