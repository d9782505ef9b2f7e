// Puts the declarations of the public surface into build/lib: a short file for each entry, and all that they share in one beside them.
// What no entry reaches is left out.
import { rolldown } from "rolldown";
import { dts } from "rolldown-plugin-dts";

/** The methods of Tensor are attached in another module than the class; here both stand in one file. */
const AUGMENTATION = /^declare module "\.\.\/tensor\.js" \{\n\s*(.*)\n\}$/gm;
/** A private member with what its docstring says; consumers see neither, but classes must stay distinct. */
const PRIVATE_DOC = /^ *\/\*\*(?:[^*]|\*(?!\/))*\*\/\n(?= *private )/gm;

const finish = {
  name: "finish-declarations",
  generateBundle(_, files) {
    for (const file of Object.values(files)) {
      file.code = file.code.replace(AUGMENTATION, "$1").replace(PRIVATE_DOC, "");
      if (/declare module "\./.test(file.code)) this.error(`${file.fileName} augments a module that is not there`);
    }
  },
};

/** `entries` maps names of entries to compiled modules with declarations beside them. */
export async function writeDeclarations(entries, dir) {
  const bundle = await rolldown({
    input: Object.fromEntries(Object.entries(entries).map(([name, file]) => [name, file.replace(/js$/, "d.ts")])),
    plugins: [dts({ dtsOnly: true, generator: "oxc", tsconfig: false }), finish],
    external: (id) => !/^(\.|\/)/.test(id),
    // The plugin warns of the augmentation that is resolved here.
    onLog: (level, log, handle) => log.message.includes("declare module") || handle(level, log),
  });
  await bundle.write({
    dir,
    chunkFileNames: "[name].d.ts",
    codeSplitting: { groups: [{ name: "shared", test: /./ }] },
  });
}
