// A Worker that reads digits: POST /predict, as digits/endpoint.js describes it.
import { respond } from "../../digits/endpoint.js";
import { logitsOf } from "./model.js";

export default {
  async fetch(request) {
    const length = request.headers.get("content-length");
    const { status, type, body } = await respond(
      {
        method: request.method,
        path: new URL(request.url).pathname,
        type: request.headers.get("content-type"),
        length: length === null ? null : Number(length),
        read: async () => new Uint8Array(await request.arrayBuffer()),
      },
      logitsOf,
    );
    return new Response(body, { status, headers: { "content-type": type } });
  },
};
