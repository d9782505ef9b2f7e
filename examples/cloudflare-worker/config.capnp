# The Worker in workerd: `npm start` serves it on port 8080, tests on a free one.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "digits", worker = .digits)],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "digits")],
);

const digits :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "build/worker.js"),
    (name = "kernels.simd.wasm", wasm = embed "build/kernels.simd.wasm"),
    (name = "lenet.qlp", data = embed "build/lenet.qlp"),
  ],
  compatibilityDate = "2026-11-01",
);
