// The implementation of quadlane-kernels: a run of the work as a list of kernel calls, which are repeated with nothing around them. What
// the whole run takes longer is what the library spends outside of kernels.
import { runtime } from "quadlane";
import { prepare } from "./quadlane/prepare.js";
import { type Internals, recorded } from "./record.js";
import { serve } from "./serve.js";

// What is not part of the package's surface.
const backend: Internals["backend"] & Pick<Internals, "arena"> = await import(
  new URL("../../lib/internals.js", import.meta.url).href
);

serve({
  about: `the kernel calls alone, ${runtime().binary} binary`,
  async prepare(work) {
    return recorded(await prepare(work), { backend, arena: backend.arena });
  },
});
