// Which keys a token sees: all up to its own or, in a window, the last `window` of those; where attention isn't causal,
// all of its sequence's or those at most `window` away. 0 is no window.
import package::bindings::window;

// The first key that the token at a position sees, causal.
fn first_visible(position: u32) -> u32 {
  return select(0u, max(position + 1u, window) - window, window > 0u);
}

// The first one at most `window` away.
fn first_around(position: u32) -> u32 {
  return select(0u, max(position, window) - window, window > 0u);
}

fn is_visible(causal: bool, key: u32, position: u32) -> bool {
  if (causal) {
    return key <= position && (window == 0u || key + window > position);
  }
  return window == 0u || (key + window >= position && key <= position + window);
}
