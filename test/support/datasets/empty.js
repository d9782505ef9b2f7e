export const dataset = [];
