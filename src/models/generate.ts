import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { zerosLike } from "../creation.js";
import { ArgumentError } from "../errors.js";
import { div, mul, sub } from "../functional/arithmetic.js";
import { lt } from "../functional/compare.js";
import { amax, argmax } from "../functional/extrema.js";
import { scatter } from "../functional/gather.js";
import { cumsum } from "../functional/reduce.js";
import { softmax } from "../functional/softmax.js";
import { topk } from "../functional/sort.js";
import { defaultGenerator } from "../random.js";
import { type GeneratorOption, multinomial } from "../sampling.js";
import type { Tensor } from "../tensor.js";
import { decode, LENGTH_OPTIONS, type LengthOptions, lengthSettings, type Next } from "./decoding.js";
import type { GenerativeModel } from "./generation.js";

export interface GenerateOptions extends LengthOptions, GeneratorOption {
  /** What logits are divided by: below 1 likely tokens become likelier, and with 0 the likeliest is always taken (greedy). Default 1. */
  readonly temperature?: number;
  /** Only the k likeliest tokens may be drawn (Fan et al., 2018). Default null: all. */
  readonly topK?: number | null;
  /** Only the fewest likeliest tokens that have at least this probability together, after `topK` (Holtzman et al., 2020). Default null: all. */
  readonly topP?: number | null;
}

interface Sampling extends GeneratorOption {
  readonly temperature: number;
  readonly topK: number | null;
  readonly topP: number;
}

const OPTIONS = [...LENGTH_OPTIONS, "temperature", "topK", "topP", "generator"];

/**
 * Continues sequences token by token, each drawn from softmax(logits/temperature): what is new in each row, without the prompt and
 * without the token that ended it. A row ends with a token of `eos` or with `maxNewTokens` of them, and is not computed any further.
 * One seed gives one text: a step takes one number of the generator for each row that has not ended.
 * Errors: ArgumentError for options out of range or a model that cannot generate; what the model says of its prompt.
 * Sources: Fan et al., Hierarchical Neural Story Generation, 2018 (top-k); Holtzman et al., The Curious Case of Neural Text
 * Degeneration, 2020 (top-p).
 */
export function generate<P>(model: GenerativeModel<P>, prompt: P, options: GenerateOptions = {}): Int32Array[] {
  checkOptions("generate", options, OPTIONS);
  const length = lengthSettings("generate", options);
  const sampling = samplingSettings(options);
  const written: number[][] = [];
  /** Which row of the prompt each row under way is. */
  let rows: number[] = [];
  let step = 0;
  decode("generate", model, prompt, length, (logits, rest) => {
    if (step === 0) {
      rows = Array.from({ length: logits.size(0) }, (_, row) => row);
      written.push(...rows.map(() => []));
    }
    const drawn = draw(logits, sampling);
    const tokens: number[] = [];
    const alive: number[] = [];
    for (const [i, row] of rows.entries()) {
      const given = rest?.[row]?.[step];
      const token = given ?? drawn[i]!;
      if (given === undefined) {
        if (length.eos.has(token)) continue;
        if (written[row]!.push(token) === length.maxNewTokens) continue;
      }
      tokens.push(token);
      alive.push(i);
    }
    step++;
    const next = nextOf(tokens, alive, rows.length);
    rows = alive.map((i) => rows[i]!);
    return next;
  });
  return written.map((row) => Int32Array.from(row));
}

/** Null if nothing goes on; no order where all rows stay as they are. */
export function nextOf(tokens: readonly number[], rows: readonly number[], before: number): Next | null {
  if (tokens.length === 0) return null;
  const same = rows.length === before && rows.every((row, i) => row === i);
  return { tokens: Int32Array.from(tokens), rows: same ? null : Int32Array.from(rows) };
}

function samplingSettings(options: GenerateOptions): Sampling {
  const { topK = null, topP = null, generator = defaultGenerator } = options;
  if (topK !== null) checkInteger("generate", "topK", topK, 1);
  if (topP !== null && checkNumber("generate", "topP", topP, 0, 1) === 0) {
    throw new ArgumentError("generate", "topP is 0; expected a number above 0, up to 1");
  }
  const temperature = checkNumber("generate", "temperature", options.temperature ?? 1, 0, Number.MAX_VALUE);
  return { temperature, topK, topP: topP ?? 1, generator };
}

/** One token for each row of logits [N, V]. */
function draw(logits: Tensor, { temperature, topK, topP, ...generator }: Sampling): ArrayLike<number> {
  if (temperature === 0) return argmax(logits, { dim: 1 }).data();
  const vocabulary = logits.size(1);
  // Less the largest, so that a low temperature cannot make them infinite.
  const scores = div(sub(logits, amax(logits, { dim: 1, keepdim: true })), temperature);
  const k = Math.min(topK ?? vocabulary, vocabulary);
  if (k === vocabulary && topP === 1) return multinomial(softmax(scores, { dim: 1 }), 1, generator).data();
  const [best, tokens] = topk(scores, { k, dim: 1 });
  const p = softmax(best, { dim: 1 });
  // What is before a token in the order must not suffice yet; before the first there is nothing.
  const kept = topP === 1 ? p : mul(p, lt(sub(cumsum(p, { dim: 1 }), p), topP));
  // Drawn in the order of the vocabulary: where two tokens are almost as likely, their order may hang on the last digit.
  return multinomial(scatter(zerosLike(scores), tokens, kept, { dim: 1 }), 1, generator).data();
}
