// The implementation of quadlane-kernels: a run of the work as a list of kernel calls, which are repeated with nothing around them. What
// the whole run takes longer is what the library spends outside of kernels.
import { runtime } from "quadlane";
import { prepare } from "./quadlane/prepare.js";
import { recorded } from "./record.js";
import { serve } from "./serve.js";

// The package's own table of kernels, which is not part of its surface.
const table: typeof import("../src/backend/index.js") = await import(
  new URL("../../dist/backend/index.js", import.meta.url).href
);

serve({
  about: `the kernel calls alone, ${runtime().binary} binary`,
  async prepare(work) {
    return recorded(await prepare(work), table);
  },
});
