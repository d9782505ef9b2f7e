// Serves build/site on this machine: node serve.js [port]
import { createServer } from "node:http";
import { argv } from "node:process";
import { fileURLToPath, pathToFileURL } from "node:url";
import sirv from "sirv";

/** All that the page needs: its own files, and the right to compile WebAssembly. */
export const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "worker-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** The server, listening, and its address. Port 0 is any that is free. */
export async function serve(port) {
  const files = sirv(fileURLToPath(new URL("build/site", import.meta.url)), {
    dev: true,
    setHeaders: (response) => {
      response.setHeader("Content-Security-Policy", POLICY);
      response.setHeader("X-Content-Type-Options", "nosniff");
    },
  });
  const server = createServer((request, response) => {
    files(request, response, () => response.writeHead(404).end("not found"));
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return { server, address: `http://127.0.0.1:${server.address().port}/` };
}

if (import.meta.url === pathToFileURL(argv[1]).href) {
  const { address } = await serve(Number(argv[2] ?? 8080));
  console.log(`open ${address}`);
}
