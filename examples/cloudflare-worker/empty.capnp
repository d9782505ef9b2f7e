# A Worker that does nothing but answer, to compare with.
using Workerd = import "/workerd/workerd.capnp";

const config :Workerd.Config = (
  services = [(name = "empty", worker = .empty)],
  sockets = [(name = "http", address = "127.0.0.1:8080", http = (), service = "empty")],
);

const empty :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = "export default { fetch: () => new Response('nothing') };")],
  compatibilityDate = "2026-11-01",
);
