/** What the start of the engine itself costs, and of the page or process that answers. */
export const first = () => null;
