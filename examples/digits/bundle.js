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
};
