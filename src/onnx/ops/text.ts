import { makeTensor } from "../../creation.js";
import { adopt } from "../../tensor.js";
import { float32, type Inputs, tensorAt, wordOf } from "../arguments.js";
import type { Arg, NodeView, OperatorTable } from "../handler.js";

/** The n-grams that are counted: how long they are, and where each counts. */
function pool(node: NodeView): Map<string, number> {
  const items = node.ints("pool_int64s");
  const starts = node.ints("ngram_counts");
  const places = node.ints("ngram_indexes");
  const found = new Map<string, number>();
  for (const [k, start] of starts.entries()) {
    const length = k + 1;
    const end = starts[length] ?? items.length;
    for (let at = start; at + length <= end; at += length) {
      const place = places[found.size];
      if (place === undefined || place < 0) throw node.fail("ngram_indexes are not as many as the n-grams of the pool");
      found.set(items.slice(at, at + length).join(), place);
    }
  }
  return found;
}

/** Calls `visit` for every n-gram of a row that leaves out the same number of items between its own. */
function forEachGram(node: NodeView, row: ArrayLike<number>, visit: (gram: string) => void): void {
  const [least, most] = [node.int("min_gram_length"), node.int("max_gram_length")];
  const skips = node.int("max_skip_count");
  for (let length = least; length <= Math.min(most, row.length); length++) {
    for (let skip = 0; skip <= (length === 1 ? 0 : Math.min(skips, row.length)); skip++) {
      const reach = (length - 1) * (skip + 1);
      for (let at = 0; at + reach < row.length; at++) {
        visit(Array.from({ length }, (_, k) => row[at + k * (skip + 1)]).join());
      }
    }
  }
}

/** How often each n-gram of the pool occurs in a row ("TF"), whether it does ("IDF"), or the count by its weight ("TFIDF"). */
function runTfIdf(node: NodeView, inputs: Inputs): [Arg] {
  const x = tensorAt(node, inputs, 0);
  const mode = wordOf(node, "mode", "TF", ["TF", "IDF", "TFIDF"]);
  const known = pool(node);
  const width = Math.max(-1, ...known.values()) + 1;
  const weights = node.floats("weights", []);
  const columns = x.ndim === 0 ? 1 : x.size(-1);
  const rows = x.ndim < 2 ? 1 : x.shape[0]!;
  const values = x.data();
  const out = new Float32Array(rows * width);
  for (let r = 0; r < rows; r++) {
    forEachGram(node, values.subarray(r * columns, (r + 1) * columns), (gram) => {
      const place = known.get(gram);
      if (place !== undefined) out[r * width + place]!++;
    });
  }
  if (mode !== "TF") {
    const order = Array.from(known.values());
    for (const [i, place] of order.entries()) {
      for (let r = 0; r < rows; r++) {
        const count = out[r * width + place]!;
        out[r * width + place] = (mode === "IDF" ? Math.min(count, 1) : count) * (weights[i] ?? 1);
      }
    }
  }
  return [float32(adopt(makeTensor(out, { shape: x.ndim < 2 ? [width] : [rows, width] })))];
}

const TF_IDF = ["max_gram_length", "max_skip_count", "min_gram_length", "mode", "ngram_counts", "ngram_indexes"];

/** Operators on sequences of tokens, which are compared on the host. */
export const textOperators: OperatorTable = {
  TfIdfVectorizer: [{ since: 9, attributes: [...TF_IDF, "pool_int64s", "weights"], run: runTfIdf }],
};
