// The routes. What goes wrong with a request is an error with a statusCode (400, 503, 504 …), which Fastify answers with by itself.
import fastify from "fastify";

/** A Fastify instance over a pool whose model takes images and gives scores of classes; it closes the pool after the last answer. */
export function buildApp(pool, options = {}) {
  const [{ name, shape }] = pool.inputs;
  const size = shape.slice(1).reduce((product, n) => product * n, 1);
  const app = fastify({ bodyLimit: 16 * 2 ** 20, ...options });

  // Images as float32, little-endian, one after the other.
  app.addContentTypeParser("application/octet-stream", { parseAs: "buffer" }, (_request, body, done) => {
    const fits = body.length > 0 && body.length % (4 * size) === 0;
    if (fits)
      done(null, { input: new Float32Array(body.buffer.slice(body.byteOffset, body.byteOffset + body.length)) });
    else
      done(Object.assign(new Error(`${body.length} bytes; expected a multiple of ${4 * size}`), { statusCode: 400 }));
  });

  const schema = {
    type: "object",
    required: ["input"],
    properties: { input: { type: "array", items: { type: "number" } } },
  };
  const body = { content: { "application/json": { schema } } };
  app.post("/predict", { schema: { body } }, async (request, reply) => {
    // A request whose client goes away leaves the queue. (`request.signal` is aborted once the body has been read.)
    const gone = new AbortController();
    reply.raw.once("close", () => {
      if (!reply.raw.writableFinished) gone.abort(Object.assign(new Error("the client has gone"), { statusCode: 499 }));
    });
    const outputs = await pool.run({ [name]: Float32Array.from(request.body.input) }, { signal: gone.signal });
    const [{ data, shape: rows }] = Object.values(outputs);
    return { predictions: Array.from({ length: rows[0] }, (_, row) => best(data, row, data.length / rows[0])) };
  });

  app.get("/health", (_request, reply) => {
    const health = pool.health();
    return reply.code(health.workers.ready > 0 && health.status !== "closing" ? 200 : 503).send(health);
  });

  app.get("/metrics", (_request, reply) => {
    const { user, system } = process.cpuUsage();
    const own = {
      process_resident_memory_bytes: process.memoryUsage.rss(),
      process_cpu_seconds_total: (user + system) / 1e6,
    };
    const lines = Object.entries(own).map(([name, value]) => `${name} ${value}\n`);
    return reply.type("text/plain; version=0.0.4").send(pool.metricsText() + lines.join(""));
  });

  app.addHook("onClose", () => pool.close());
  return app;
}

function best(scores, row, classes) {
  let at = 0;
  for (let i = 1; i < classes; i++) if (scores[row * classes + i] > scores[row * classes + at]) at = i;
  return { class: at, score: scores[row * classes + at] };
}
