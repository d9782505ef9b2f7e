// Headless Chromium, and the pages that it opens, from a server on loopback.
import { existsSync, readFileSync } from "node:fs";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { extname, join, normalize } from "node:path";
import { type Browser, chromium } from "playwright-core";
import { ENGINES, PEERS } from "./prepare.js";
import { type Answer, Subject, type Transport } from "./subject.js";

const CANDIDATES = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];

const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** Folders by the first part of an address. Below `isolated` pages are cross-origin isolated. */
const FOLDERS: Readonly<Record<string, string>> = { isolated: ENGINES, plain: ENGINES, peers: PEERS };

const ISOLATION = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

/** Serves the folders to the browser. */
async function serve(): Promise<{ address: string; close(): void }> {
  const server = createServer((request, response) => {
    const [, first = "", ...rest] = normalize(new URL(request.url!, "http://localhost").pathname).split("/");
    const file = join(FOLDERS[first] ?? "", ...rest);
    if (FOLDERS[first] === undefined || !existsSync(file)) return void response.writeHead(404).end();
    const isolation = first === "plain" ? {} : ISOLATION;
    response.writeHead(200, { "Content-Type": TYPES[extname(file)] ?? "application/octet-stream", ...isolation });
    response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close() {
      server.closeAllConnections();
      server.close();
    },
  };
}

/** Why there is no browser; null if there is one. */
export function chromiumMissing(): string | null {
  return executable() === undefined ? "no Chromium found; set CHROMIUM to its path" : null;
}

function executable(): string | undefined {
  return CANDIDATES.find((path): path is string => path !== undefined && existsSync(path));
}

/** A browser with its server. */
export class Pages {
  private constructor(
    private readonly browser: Browser,
    private readonly server: { address: string; close(): void },
  ) {}

  static async open(): Promise<Pages> {
    const executablePath = executable();
    if (executablePath === undefined) throw new Error(chromiumMissing()!);
    return new Pages(await chromium.launch({ executablePath, args: ["--no-sandbox"] }), await serve());
  }

  get version(): string {
    return this.browser.version();
  }

  /** A page in a profile of its own, and a promise that is rejected when it complains. `path` begins with one of the folders' names. */
  private async visit(path: string) {
    const context = await this.browser.newContext();
    const page = await context.newPage();
    const failed = new Promise<never>((_, reject) => {
      page.on("pageerror", reject);
      page.on("console", (message) => {
        if (message.type() === "error") reject(new Error(`${message.text()} ${message.location().url}`));
      });
    });
    failed.catch(() => {});
    await page.goto(`${this.server.address}/${path}`);
    return { context, page, failed };
  }

  /** The subject of a page. Whatever the page complains of fails the call that it does so in. */
  async subject(path: string): Promise<Subject> {
    const { context, page, failed } = await this.visit(path);
    const transport: Transport = (call) =>
      Promise.race([page.evaluate<Answer>(`call(${JSON.stringify(call)})`), failed]);
    await Promise.race([page.waitForFunction("window.call !== undefined"), failed]);
    return new Subject(transport, () => context.close());
  }

  /** Loads a page afresh, whose script leaves its logits in `window.first`, with the milliseconds since the page was asked for. */
  async firstResult(path: string): Promise<{ logits: number[]; ms: number }> {
    const { context, page, failed } = await this.visit(path);
    try {
      await Promise.race([page.waitForFunction("window.first !== undefined"), failed]);
      return await page.evaluate<{ logits: number[]; ms: number }>("window.first");
    } finally {
      await context.close();
    }
  }

  async close(): Promise<void> {
    await this.browser.close();
    this.server.close();
  }
}
