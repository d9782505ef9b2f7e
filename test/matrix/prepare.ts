// Installs the engines and this package beside them, as its users have it, and puts what runs inside of the engines into a few files.
import { execFileSync, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Plugin, rolldown } from "rolldown";

export const ROOT = fileURLToPath(new URL("../../../../", import.meta.url));
/** Where the engines are installed. */
export const ENGINES = join(ROOT, "test/matrix/engines");
export const PEERS = join(ROOT, "bench/peers");
/** What is made for a run; the kernels lie in it and the scripts one folder deeper, as in the package. */
export const MADE = join(ENGINES, "build");
export const INSIDE = join(MADE, "inside");
const TOOLS = join(ROOT, "build/tools");

/** What went wrong, in a line. */
export function firstLine(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).trim().split("\n");
  return line.slice(0, 200);
}

/** Installs what a folder's lock file names, unless it is there. Returns why that failed, or null. */
export function install(folder: string, ...flags: string[]): string | null {
  const { dependencies } = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as {
    dependencies: Record<string, string>;
  };
  const there = Object.entries(dependencies).every(([name, wanted]) => {
    const file = join(folder, "node_modules", name, "package.json");
    return existsSync(file) && wanted.endsWith((JSON.parse(readFileSync(file, "utf8")) as { version: string }).version);
  });
  if (there) return null;
  const { status, error } = npm(folder, "ci", ...flags);
  if (status === 0) return null;
  return `npm ci in ${folder} failed${error ? `: ${error.message}` : ` with code ${status}`}`;
}

/** Packs this package and installs the archive beside the engines. */
export function installPackage(): void {
  mkdirSync(MADE, { recursive: true });
  const archive = execFileSync("npm", ["pack", "--ignore-scripts", "--silent", "--pack-destination", MADE], {
    cwd: ROOT,
    encoding: "utf8",
  }).trim();
  const { status } = npm(ENGINES, "install", "--no-save", "--ignore-scripts", join(MADE, archive));
  if (status !== 0) throw new Error(`the packed archive cannot be installed: npm ended with code ${status}`);
}

function npm(cwd: string, ...args: string[]) {
  // What it says is no part of this program's output.
  return spawnSync("npm", [...args, "--no-audit", "--no-fund"], { cwd, stdio: ["ignore", 2, 2] });
}

/** The rows of ops by name, where there is no folder to look into. */
const rows: Plugin = {
  name: "rows",
  load(id) {
    if (id !== join(TOOLS, "test/support/rows.js")) return null;
    const files = readdirSync(join(TOOLS, "test/cases")).filter((file) => file.endsWith(".js"));
    const lines = files.map((file, i) => `import { cases as c${i} } from "../cases/${file}";`);
    return `${lines.join("\n")}\nexport const loadRows = async () => [${files.map((_, i) => `...c${i}`)}];`;
  },
};

/** Tests name the entry for Node; what runs everywhere is the other one. */
const neutral: Plugin = {
  name: "neutral",
  resolveId: (id, importer) =>
    importer?.startsWith(TOOLS) && /\/src\/node\.js$/.test(id) ? join(TOOLS, "src/index.js") : null,
};

const SUBJECTS = [
  "process",
  "page",
  "page-imported",
  "worker",
  "cold",
  "cold-nothing",
  "cold-process",
  "cold-page",
  "cold-worker",
];

/** Makes the scripts that run inside of the engines. The package stays outside of them: engines and bundlers resolve it themselves. */
export async function makeScripts(): Promise<void> {
  rmSync(INSIDE, { recursive: true, force: true });
  const bundle = await rolldown({
    input: SUBJECTS.map((name) => join(ROOT, `test/matrix/subjects/${name}.js`)),
    platform: "neutral",
    external: /^(quadlane|node:)/,
    plugins: [rows, neutral],
    resolve: { mainFields: ["module", "main"] },
    // The list of files with side effects, which package.json has, is of those in the package.
    treeshake: false,
  });
  await bundle.write({ dir: INSIDE, format: "esm", entryFileNames: "[name].js", chunkFileNames: "[name].js" });
  for (const binary of ["simd", "relaxed", "wide"]) {
    cpSync(join(ROOT, `build/kernels.${binary}.wasm`), join(MADE, `kernels.${binary}.wasm`));
  }
  cpSync(join(ROOT, "build/lib/threads_worker.js"), join(INSIDE, "threads_worker.js"));
}
