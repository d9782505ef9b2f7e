// A module without a default export.
export const model = null;
