import { spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { temporaryFolder } from "./files.js";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A file in the tarball, as npm lists it. */
export interface PackedFile {
  readonly path: string;
  readonly size: number;
}

/** The package as it would be published, installed into a folder that has nothing else but what users are told to install. */
export interface Consumer {
  readonly folder: string;
  readonly files: readonly PackedFile[];
  /** The package's own package.json, as packed. */
  readonly manifest: { readonly scripts?: Record<string, string>; readonly exports: Record<string, unknown> };
}

function run(cwd: string, command: string, args: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")}: ${error?.message ?? ""}\n${stdout}\n${stderr}`);
  return stdout;
}

/** Packs what has been built and installs it with `peers` beside it. */
export function installPackage(peers: readonly string[]): Consumer {
  const folder = temporaryFolder();
  const packed = run(root, "npm", ["pack", "--ignore-scripts", "--json", "--pack-destination", folder]);
  // Versions of npm differ: a list, or an object by name.
  const [{ filename, files }] = Object.values(
    JSON.parse(packed) as Record<string, { filename: string; files: PackedFile[] }>,
  ) as [{ filename: string; files: PackedFile[] }];
  writeFileSync(join(folder, "package.json"), JSON.stringify({ private: true, type: "module" }));
  run(folder, "npm", ["install", "--prefer-offline", "--no-audit", "--no-fund", `./${filename}`, ...peers]);
  const manifest = JSON.parse(readFileSync(join(folder, "node_modules/quadlane/package.json"), "utf8"));
  return { folder, files, manifest };
}

/** Runs a script's text, as an ES module unless `name` ends otherwise, and gives what it prints. */
export function runScript(
  { folder }: Consumer,
  name: string,
  text: string,
  { node = process.execPath, flags = [] }: { node?: string; flags?: readonly string[] } = {},
): string {
  writeFileSync(join(folder, name), text);
  return run(folder, node, [...flags, name]);
}

/** Checks TypeScript files of the consumer, strictly and with the library's declarations, and compiles them into `out` if it is given. */
export function compileTypes(
  { folder }: Consumer,
  resolution: "node16" | "bundler",
  files: Readonly<Record<string, string>>,
  out: string | null = null,
): void {
  const source = join(folder, resolution);
  mkdirSync(source, { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(source, name), text);
  const options = {
    target: "ES2022",
    module: resolution === "bundler" ? "ESNext" : "Node16",
    moduleResolution: resolution,
    strict: true,
    skipLibCheck: false,
    types: [],
    ...(out === null ? { noEmit: true } : { rootDir: ".", outDir: join(folder, out) }),
  };
  const config = join(source, "tsconfig.json");
  writeFileSync(config, JSON.stringify({ compilerOptions: options, files: Object.keys(files) }));
  run(folder, process.execPath, [join(root, "node_modules/typescript/bin/tsc"), "-p", config]);
}

/** What a bundler makes of a program that uses the package. */
export interface Bundle {
  /** All code, minified. */
  readonly code: string;
  /** Files of the package that some code was taken from, and how much before minification. */
  readonly taken: ReadonlyMap<string, number>;
  /** Modules that the bundle still imports. */
  readonly imports: readonly string[];
}

/** Bundles a program for a platform with these conditions; it is written to `name` if that is given. */
export async function bundleProgram(
  { folder }: Consumer,
  text: string,
  { conditions, name = "program.js" }: { conditions: readonly string[]; name?: string },
): Promise<Bundle> {
  const input = join(folder, `source-of-${name}`);
  writeFileSync(input, text);
  const bundle = await rolldown({
    input,
    cwd: folder,
    platform: conditions.includes("node") ? "node" : "browser",
    resolve: { conditionNames: [...conditions, "import", "default"] },
    external: conditions.includes("node") ? [/^node:/] : [],
    logLevel: "silent",
  });
  const { output } = await bundle.write({
    file: join(folder, name),
    format: "esm",
    minify: true,
    codeSplitting: false,
  });
  const taken = new Map<string, number>();
  const imports: string[] = [];
  let code = "";
  for (const chunk of output) {
    if (chunk.type !== "chunk") continue;
    code += chunk.code;
    // What the program imports of itself, only when it is needed, is in the same file.
    imports.push(...[...chunk.imports, ...chunk.dynamicImports].filter((id) => id !== name));
    for (const [id, { renderedLength }] of Object.entries(chunk.modules)) {
      if (renderedLength > 0) taken.set(id.slice(id.lastIndexOf("/") + 1), renderedLength);
    }
  }
  return { code, taken, imports };
}
