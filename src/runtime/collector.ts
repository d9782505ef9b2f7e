import { QuadlaneError } from "../errors.js";
import type { Storage } from "./storage.js";

/** What must be let go when the last handle of a tensor has been collected. It must not refer to the handle. */
interface Estate {
  readonly storage: Storage;
  readonly gradFn: { release(): void } | null;
  /** The op, if the tensor is a temporary of no scope. */
  readonly temporaryOf: string | null;
}

/** So many live temporaries outside every scope, or so many bytes of them, look like a loop without a scope. */
const WARN_COUNT = 10_000;
const WARN_BYTES = 1 << 29;

/**
 * The safety net for tensors outside every scope: their blocks come back after garbage collection. It is not the plan, because
 * finalizers do not run inside a synchronous loop; so it counts what piles up and says so once.
 */
class Collector {
  private readonly estates = new WeakMap<object, Estate>();
  private readonly registry =
    typeof FinalizationRegistry === "function"
      ? new FinalizationRegistry<Estate>((estate) => this.settle(estate))
      : null;
  private readonly makers = new Map<string, number>();
  private count = 0;
  private bytes = 0;
  private warned = false;

  /** From now on a collected `handle` lets go of its storage and its place on the tape. */
  watch(handle: object, storage: Storage, gradFn: { release(): void } | null, temporaryOf: string | null): void {
    const estate: Estate = { storage, gradFn, temporaryOf };
    this.estates.set(handle, estate);
    this.registry?.register(handle, estate, handle);
    if (temporaryOf !== null) this.tally(estate, temporaryOf, 1);
  }

  /** The handle was disposed by hand: nothing is left to do when it is collected. */
  forget(handle: object): void {
    const estate = this.estates.get(handle);
    if (estate === undefined) return;
    this.estates.delete(handle);
    this.registry?.unregister(handle);
    if (estate.temporaryOf !== null) this.tally(estate, estate.temporaryOf, -1);
  }

  private settle(estate: Estate): void {
    estate.storage.release();
    estate.gradFn?.release();
    if (estate.temporaryOf !== null) this.tally(estate, estate.temporaryOf, -1);
  }

  private tally(estate: Estate, maker: string, sign: 1 | -1): void {
    this.count += sign;
    this.bytes += sign * estate.storage.bytes;
    this.makers.set(maker, (this.makers.get(maker) ?? 0) + sign);
    if (!this.warned && (this.count > WARN_COUNT || this.bytes > WARN_BYTES)) {
      this.warned = true;
      const top = [...this.makers].sort((a, b) => b[1] - a[1]).slice(0, 3);
      const list = top.map(([name, n]) => `${name} (${n})`).join(", ");
      console.warn(
        new QuadlaneError(
          "memory",
          `${this.count} temporaries (${Math.round(this.bytes / 2 ** 20)} MiB) live outside every scope, most of them from ${list}. ` +
            "Wrap the loop's body in scope(() => …), iterate a DataLoader, or use noGrad(() => …); then they are freed each time.",
        ).message,
      );
    }
  }
}

export const collector = new Collector();
