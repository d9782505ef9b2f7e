/** Loss, slope along the search direction and gradient, a step of length t away. */
export interface Point<G> {
  readonly t: number;
  readonly loss: number;
  readonly slope: number;
  readonly gradient: G;
}

/** Share of the decrease that the slope at the start promises and that is asked for. */
const SUFFICIENT = 1e-4;
/** Share of the slope at the start that may be left. */
const CURVATURE = 0.9;
const MAX_STEPS = 25;

/**
 * A point that satisfies the strong Wolfe conditions, loss ≤ loss₀ + 1e-4·t·slope₀ and |slope| ≤ 0.9·|slope₀|, or the best one found in
 * 25 further evaluations. `scale` is the largest element of the direction: a bracket shorter than tolerance/scale is not refined.
 * A loss that is not a number counts as too high. (Nocedal and Wright, Numerical Optimization, 2006, algorithms 3.5 and 3.6, with the cubic
 * interpolation of 3.59; bounds and safeguards as in Schmidt's minFunc and in PyTorch.)
 */
export function strongWolfe<G>(
  at: (t: number) => Point<G>,
  origin: Point<G>,
  first: number,
  scale: number,
  tolerance: number,
): Point<G> {
  const decreases = (p: Point<G>): boolean => p.loss <= origin.loss + SUFFICIENT * p.t * origin.slope;
  const isFlat = (p: Point<G>): boolean => Math.abs(p.slope) <= -CURVATURE * origin.slope;

  let previous = origin;
  let point = at(first);
  let steps = 0;
  let bracketed = false;
  while (!bracketed && steps < MAX_STEPS) {
    if (!decreases(point) || (steps > 1 && point.loss >= previous.loss)) bracketed = true;
    else if (isFlat(point)) return point;
    else if (point.slope >= 0) bracketed = true;
    else {
      const next = minimizer(previous, point, point.t + 0.01 * (point.t - previous.t), point.t * 10);
      previous = point;
      point = at(next);
      steps++;
    }
  }

  const other = bracketed ? previous : origin;
  let [low, high] = point.loss < other.loss ? [point, other] : [other, point];
  let close = false;
  while (steps < MAX_STEPS && Math.abs(high.t - low.t) * scale >= tolerance) {
    const min = Math.min(low.t, high.t);
    const max = Math.max(low.t, high.t);
    const margin = 0.1 * (max - min);
    let t = minimizer(low, high, min, max);
    const atEdge = Math.min(max - t, t - min) < margin;
    // The second time in a row that it comes close to an end, or at once on the end itself, the step goes inwards.
    if (atEdge && (close || t >= max || t <= min)) {
      t = max - t < t - min ? max - margin : min + margin;
      close = false;
    } else close = atEdge;
    point = at(t);
    steps++;
    if (!decreases(point) || !(point.loss < low.loss)) {
      [low, high] = point.loss < low.loss ? [point, low] : [low, point];
    } else {
      if (isFlat(point)) return point;
      if (point.slope * (high.t - low.t) >= 0) high = low;
      low = point;
    }
  }
  return low;
}

/** Where the cubic through both points with their slopes has its minimum, within bounds; their middle if it has none. */
function minimizer<G>(p: Point<G>, q: Point<G>, min: number, max: number): number {
  const [a, b] = p.t <= q.t ? [p, q] : [q, p];
  const d1 = a.slope + b.slope - (3 * (a.loss - b.loss)) / (a.t - b.t);
  const d2 = Math.sqrt(d1 * d1 - a.slope * b.slope);
  const t = b.t - ((b.t - a.t) * (b.slope + d2 - d1)) / (b.slope - a.slope + 2 * d2);
  return Number.isFinite(t) ? Math.min(Math.max(t, min), max) : (min + max) / 2;
}
