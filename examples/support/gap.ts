import { functional as F, type Tensor } from "quadlane";

/** How far the statistics of generated images are from those of real ones: the mean distance of the pixels' means and deviations. */
export function statisticsGap(real: Tensor, fake: Tensor): number {
  const gap = (f: (x: Tensor) => Tensor): number => F.l1Loss(f(fake), f(real)).item();
  return gap((x) => x.mean(0)) + gap((x) => x.std(0));
}
