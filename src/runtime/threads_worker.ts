// The script of a Web Worker.
import type { ThreadStart } from "./threads_protocol.js";
import { kernelsOf, serve } from "./threads_serve.js";

self.onmessage = ({ data }: MessageEvent<ThreadStart>) => {
  const kernels = kernelsOf(data);
  self.postMessage("ready");
  serve(kernels, data);
};
