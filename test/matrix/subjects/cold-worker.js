/** The harness of a Worker that answers with the first result of a participant. */
export const harness = (first, kernels, model) => ({
  async fetch() {
    try {
      const logits = await first({ kernels, model: () => new Uint8Array(model), files: { tfjs: "/" } });
      return Response.json({ logits: logits && [...logits] });
    } catch (error) {
      return Response.json({ error: String(error) });
    }
  },
});
