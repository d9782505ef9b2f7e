// The implementation of quadlane-kernels: a run of the work as a list of kernel calls, which are repeated with nothing around them. What
// the whole run takes longer is what the library spends outside of kernels.
import { runtime } from "quadlane";
import { prepare } from "./quadlane/prepare.js";
import { type Internals, recorded } from "./record.js";
import { serve } from "./serve.js";

// The package's own modules, which are not part of its surface.
const dist = new URL("../../dist/", import.meta.url).href;
const backend: Internals["backend"] = await import(`${dist}backend/index.js`);
const { arena }: Pick<Internals, "arena"> = await import(`${dist}runtime/arena.js`);

serve({
  about: `the kernel calls alone, ${runtime().binary} binary`,
  async prepare(work) {
    return recorded(await prepare(work), { backend, arena });
  },
});
