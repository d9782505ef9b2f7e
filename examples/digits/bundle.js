/** What esbuild is told in every example. */
export const BUNDLE = {
  bundle: true,
  format: "esm",
  target: "es2022",
  minify: true,
  // Messages name classes.
  keepNames: true,
  // The repository's own settings lead to its sources, not to the package.
  tsconfigRaw: "{}",
  logLevel: "warning",
  // Of what is installed it says nothing of the kind; but here the package is a link.
  logOverride: { "ignored-bare-import": "silent" },
};
