// Puts the declarations of the public surface into build/lib: a short file for each entry, and all that they share in one beside them.
// What no entry reaches is left out.
import { readFileSync } from "node:fs";
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";

/** The methods of Tensor are attached in another module than the class: here the class says so itself. */
const AUGMENTATION = /^declare module "\.\.\/tensor\.js" \{\n\s*(interface Tensor extends (.*) \{\s*\})\n\}$/m;
const methods = {
  name: "methods",
  load(id) {
    if (id.endsWith("/dist/methods/index.d.ts")) return `${read(id).replace(AUGMENTATION, "export { $2 };")}`;
    if (!id.endsWith("/dist/tensor.d.ts")) return null;
    const [, text, names] = AUGMENTATION.exec(read(id.replace("tensor.d.ts", "methods/index.d.ts")));
    return `import type { ${names} } from "./methods/index.js";\n${read(id)}\n${text}\n`;
  },
};
const read = (file) => readFileSync(file, "utf8");

/** A private member with what its docstring says; consumers see neither, but classes must stay distinct. */
const PRIVATE_DOC = /^ *\/\*\*(?:[^*]|\*(?!\/))*\*\/\n(?= *private )/gm;

/** Where a part comes from. */
const ORIGIN = /^\/\/ build\/dist.*\n/gm;
/** A library of declarations that a part needs; it must stand before everything else. */
const REFERENCE = /^\/\/\/ <reference .*\n/gm;

const finish = {
  name: "finish-declarations",
  generateBundle(_, files) {
    // Code that declarations do not run.
    delete files["rolldown-runtime.d.ts"];
    for (const file of Object.values(files)) {
      const references = new Set(file.code.match(REFERENCE));
      const code = [REFERENCE, ORIGIN, PRIVATE_DOC].reduce((text, pattern) => text.replace(pattern, ""), file.code);
      file.code = [...references].join("") + code.trimStart();
      if (/declare module "\./.test(file.code)) this.error(`${file.fileName} augments a module that is not there`);
    }
  },
};

/** `entries` maps names of entries to compiled modules with declarations beside them. */
export async function writeDeclarations(entries, dir) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, file.replace(/js$/, "d.ts")])),
    plugins: [methods, dts({ dtsInput: true, tsconfig: false }), finish],
    external: (id) => !/^(\.|\/)/.test(id),
  });
  await bundle.write({
    dir,
    chunkFileNames: "[name].d.ts",
    codeSplitting: { groups: [{ name: "shared", test: /./ }] },
  });
}
