/** silu(gate) · up, where silu(x) = x / (1 + e⁻ˣ). */
export function swiglu(gate: number, up: number): number {
  return (gate / (1 + Math.exp(-gate))) * up
}
