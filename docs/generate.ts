// Writes docs/modules.md from the docstrings of the sources, and docs/onnx.md: `npm run docs`; `npm run docs -- --check` only tells if they are stale.
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { onnxPage } from "./onnx.js";

/** One public class or function. */
interface Entry {
  readonly name: string;
  /** The docstring's first sentence. */
  readonly summary: string;
  /** What the docstring says after "PyTorch:". */
  readonly difference: string;
}

interface Section {
  readonly title: string;
  /** Folder below src/, or files. */
  readonly source: string | readonly string[];
  /** The file below src/ that says which names are public; a folder's are its indices. None: all that is exported. */
  readonly index?: string;
  readonly kind: "class" | "function" | "any";
  /** Where PyTorch may have the same name, the likeliest first. */
  readonly namespaces: readonly string[];
  /** How the name is called here. */
  readonly prefix: string;
}

const SECTIONS: readonly Section[] = [
  {
    title: "Tensors from nothing",
    source: ["creation.ts", "sampling.ts"],
    index: "index.ts",
    kind: "function",
    namespaces: ["torch"],
    prefix: "",
  },
  { title: "Modules", source: "nn", kind: "class", namespaces: ["torch.nn"], prefix: "nn." },
  {
    title: "Functions",
    source: "functional",
    kind: "function",
    namespaces: ["torch.nn.functional", "torch", "torch.linalg", "torch.Tensor"],
    prefix: "functional.",
  },
  {
    title: "Image kernels",
    source: ["functional/kernels.ts"],
    kind: "function",
    namespaces: [],
    prefix: "functional.kernels.",
  },
  {
    title: "Linear algebra",
    source: ["functional/linalg.ts"],
    kind: "function",
    namespaces: ["torch.linalg"],
    prefix: "linalg.",
  },
  {
    title: "Utilities for modules",
    source: ["nn/bptt.ts", "nn/fuse.ts", "nn/gradients.ts", "nn/parametrize.ts", "nn/receptive.ts", "nn/transfer.ts"],
    index: "nn/utils.ts",
    kind: "function",
    namespaces: ["torch.nn.utils", "torch.nn.utils.fusion"],
    prefix: "nn.utils.",
  },
  {
    title: "Sequences of different lengths",
    source: ["nn/packed.ts"],
    index: "nn/utils_rnn.ts",
    kind: "function",
    namespaces: ["torch.nn.utils.rnn"],
    prefix: "nn.utils.rnn.",
  },
  {
    title: "Initialisers",
    source: ["nn/init.ts"],
    kind: "function",
    namespaces: ["torch.nn.init"],
    prefix: "nn.init.",
  },
  {
    title: "Optimizers",
    source: "optim",
    kind: "class",
    namespaces: ["torch.optim"],
    prefix: "optim.",
  },
  {
    title: "Schedules",
    source: "optim/lr_scheduler",
    kind: "class",
    namespaces: ["torch.optim.lr_scheduler"],
    prefix: "optim.lrScheduler.",
  },
  { title: "Data", source: "data", kind: "any", namespaces: ["torch.utils.data"], prefix: "data." },
  { title: "Transforms", source: "data/transforms", kind: "any", namespaces: [], prefix: "data.transforms." },
  { title: "Metrics", source: "metrics", kind: "any", namespaces: [], prefix: "metrics." },
  { title: "Training", source: "train", kind: "any", namespaces: [], prefix: "train." },
  { title: "ONNX", source: "onnx", kind: "any", namespaces: [], prefix: "onnx." },
  { title: "Search for hyper-parameters", source: "tune", kind: "any", namespaces: [], prefix: "tune." },
];

/** Files that say what a folder makes public; the second one for Node alone. */
const INDICES = ["index.ts", "index.node.ts"];

export function findRoot(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!readdirSync(at).includes("asconfig.json")) at = dirname(at);
  return at;
}

/** The classes or functions that a file exports, with their docstrings. */
export function entriesOf(text: string, kind: Section["kind"]): Entry[] {
  const keyword = kind === "any" ? "(?:class|function)" : kind;
  const pattern = new RegExp(`/\\*\\*((?:[^*]|\\*(?!/))*)\\*/\\s*export (?:abstract )?${keyword}\\*? (\\w+)`, "g");
  return [...text.matchAll(pattern)].map(([, comment, name]) => {
    const words = comment!
      .replace(/^\s*\* ?/gm, "")
      .replace(/\s+/g, " ")
      .trim();
    const difference = /(?:^|\.\)? )PyTorch: (.+?\.)(?= |$)/.exec(words)?.[1] ?? "";
    return { name: name!, summary: firstSentence(words), difference };
  });
}

/** Up to a full stop or a colon before a capital, but for those within brackets. */
function firstSentence(text: string): string {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const c = text[i]!;
    if ("([{".includes(c)) depth++;
    if (")]}".includes(c)) depth--;
    const ends = ".:".includes(c) || text.slice(i - 1, i + 1) === ".)";
    if (depth === 0 && ends && /^(?: (?:[A-Z`]|torch)|$)/.test(text.slice(i + 1)))
      return text.slice(0, c === ")" ? i + 1 : i);
  }
  return text;
}

function snake(name: string): string {
  return name.replace(/([a-z0-9])([A-Z])/g, (_, a: string, b: string) => `${a}_${b.toLowerCase()}`);
}

/** PyTorch's full name of the same thing, or a dash. */
function counterpart(name: string, section: Section, known: Readonly<Record<string, readonly string[]>>): string {
  const wanted = /^[A-Z]/.test(name) ? name : snake(name);
  const space = section.namespaces.find((n) => known[n]?.includes(wanted));
  return space === undefined ? "–" : `\`${space}.${wanted}\``;
}

function cell(text: string): string {
  return text.replaceAll("|", "\\|");
}

/** The whole page. */
export function modulesPage(root: string): string {
  const known = JSON.parse(readFileSync(join(root, "docs/pytorch-names.json"), "utf8")) as Record<string, string[]>;
  const lines = [
    "# Modules and functions",
    "",
    "Every public module, function, initialiser, optimizer and training tool, with its counterpart in PyTorch 1.13. Functions take tensors one by one and",
    "everything else in one object of options; modules take PyTorch's parameters without a default one by one. Names are PyTorch's in",
    "camelCase, and string values are PyTorch's own. Indices and classes are int32. What else differs is said in the last column.",
    "Generated from the sources by `npm run docs`.",
  ];
  for (const section of SECTIONS) {
    lines.push("", `## ${section.title}`, "", "| name | what it is | PyTorch | difference |", "|---|---|---|---|");
    const { source } = section;
    const files =
      typeof source === "string"
        ? readdirSync(join(root, "src", source))
            .filter((f) => f.endsWith(".ts") && !INDICES.includes(f))
            .sort((a, b) => Number(a.includes(".node.")) - Number(b.includes(".node.")))
            .map((f) => `${source}/${f}`)
        : source;
    const entries = files.flatMap((f) => entriesOf(readFileSync(join(root, "src", f), "utf8"), section.kind));
    const exported = publicNames(join(root, "src"), section);
    // What is there twice, for Node and for everywhere, is described where it is for everywhere.
    const firsts = entries.filter((e, i) => entries.findIndex((x) => x.name === e.name) === i);
    for (const e of firsts.filter((x) => exported(x.name)).sort((a, b) => a.name.localeCompare(b.name, "en"))) {
      const like = counterpart(e.name, section, known);
      lines.push(`| \`${section.prefix}${e.name}\` | ${cell(e.summary)} | ${like} | ${cell(e.difference)} |`);
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Tells whether a name is public: exported by the index, by name or with its whole file. A namespace has its own section. */
function publicNames(src: string, section: Section): (name: string) => boolean {
  const { source } = section;
  const folder = typeof source === "string" ? join(src, source) : dirname(join(src, section.index ?? ""));
  const present = typeof source === "string" ? INDICES.map((f) => join(folder, f)).filter((f) => existsSync(f)) : [];
  const files = section.index === undefined ? present : [join(src, section.index)];
  if (files.length === 0) return () => true;
  const index = files.map((file) => readFileSync(file, "utf8")).join("\n");
  const names = new Set<string>();
  for (const [, list] of index.matchAll(/export \{([^}]*)\} from/g)) {
    for (const item of list!.split(",")) names.add(item.replace("type ", "").trim().split(" as ").at(-1)!);
  }
  for (const [, file] of index.matchAll(/export \* from "\.\/(\w+)\.js"/g)) {
    const text = readFileSync(join(folder, `${file}.ts`), "utf8");
    for (const [, name] of text.matchAll(/export (?:abstract )?(?:class|function)\*? (\w+)/g)) names.add(name!);
  }
  return (name) => names.has(name);
}

function main(): void {
  const { values } = parseArgs({ options: { check: { type: "boolean", default: false } } });
  const root = findRoot();
  for (const [name, page] of Object.entries({ "modules.md": modulesPage(root), "onnx.md": onnxPage() })) {
    const file = join(root, "docs", name);
    if (!values.check) writeFileSync(file, page);
    else if (!existsSync(file) || readFileSync(file, "utf8") !== page) {
      console.error(`docs/${name} is stale; run \`npm run docs\``);
      process.exitCode = 1;
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main();
