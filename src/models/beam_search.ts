import { checkInteger, checkNumber, checkOptions } from "../check.js";
import { logSoftmax } from "../functional/softmax.js";
import { topk } from "../functional/sort.js";
import type { Tensor } from "../tensor.js";
import { decode, LENGTH_OPTIONS, type LengthOptions, lengthSettings } from "./decoding.js";
import { nextOf } from "./generate.js";
import type { GenerativeModel } from "./generation.js";

export interface BeamSearchOptions extends LengthOptions {
  /** Sequences that are followed for each row of the prompt. Default 4. */
  readonly beams?: number;
  /** The exponent a of the score log p/lengthᵃ; 0 for none, above 0 in favour of long sequences. Default 1. */
  readonly lengthPenalty?: number;
}

/** A sequence that a search has found. */
export interface ScoredSequence {
  /** Without the prompt, and without the token that ended it. */
  readonly tokens: Int32Array;
  /** log p of its tokens, with the one that ended it. */
  readonly logProbability: number;
  /** log p/lengthᵃ, where the token that ended it counts. */
  readonly score: number;
  /** Whether a token of `eos` ended it; otherwise `maxNewTokens` did. */
  readonly ended: boolean;
}

/** A sequence under way. */
interface Beam {
  readonly tokens: readonly number[];
  readonly logProbability: number;
}

/** A beam and its row among the logits, with one more token. */
interface Candidate extends Beam {
  readonly row: number;
  readonly token: number;
}

/** The search of one row of the prompt. */
interface Search {
  live: readonly Beam[];
  readonly found: ScoredSequence[];
}

/**
 * Looks for likely sequences: of all continuations of the `beams` best ones by one token, the best are kept. One that ends leaves the
 * beam, which is narrower by one from then on; with one beam this is greedy generation. Returns for each row of the prompt up to
 * `beams` sequences, best score first. score = log p(tokens | prompt)/lengthᵃ with a = lengthPenalty.
 * Errors: ArgumentError for options out of range or a model that cannot generate; what the model says of its prompt.
 * Sources: Graves, Sequence Transduction with Recurrent Neural Networks, 2012; Sutskever et al., Sequence to Sequence Learning with
 * Neural Networks, 2014; the score after Wu et al., Google's Neural Machine Translation System, 2016, without their constant.
 */
export function beamSearch<P>(
  model: GenerativeModel<P>,
  prompt: P,
  options: BeamSearchOptions = {},
): ScoredSequence[][] {
  checkOptions("beamSearch", options, [...LENGTH_OPTIONS, "beams", "lengthPenalty"]);
  const length = lengthSettings("beamSearch", options);
  const beams = checkInteger("beamSearch", "beams", options.beams ?? 4, 1);
  const lengthPenalty = checkNumber("beamSearch", "lengthPenalty", options.lengthPenalty ?? 1, -1e3, 1e3);
  const searches: Search[] = [];
  const finish = (search: Search, { tokens, logProbability }: Beam, ended: boolean): void => {
    const score = logProbability / (tokens.length + Number(ended)) ** lengthPenalty;
    search.found.push({ tokens: Int32Array.from(tokens), logProbability, score, ended });
  };
  let step = 0;
  decode("beamSearch", model, prompt, length, (logits, rest) => {
    if (step === 0) {
      const start: Beam = { tokens: [], logProbability: 0 };
      for (let i = 0; i < logits.size(0); i++) searches.push({ live: [start], found: [] });
    }
    const likely = likeliest(logits, beams);
    const chosen: Candidate[] = [];
    let row = 0;
    for (const [i, search] of searches.entries()) {
      const given = rest?.[i]?.[step];
      const candidates =
        given === undefined
          ? continuations(search.live, likely, row).slice(0, beams - search.found.length)
          : search.live.map((beam, b) => ({ ...beam, row: row + b, token: given }));
      row += search.live.length;
      const live: Beam[] = [];
      for (const candidate of candidates) {
        const { tokens, logProbability, token } = candidate;
        const ended = given === undefined && length.eos.has(token);
        const beam = { tokens: given === undefined && !ended ? [...tokens, token] : tokens, logProbability };
        if (ended || beam.tokens.length === length.maxNewTokens) finish(search, beam, ended);
        else {
          live.push(beam);
          chosen.push(candidate);
        }
      }
      search.live = live;
    }
    step++;
    return nextOf(
      chosen.map((c) => c.token),
      chosen.map((c) => c.row),
      row,
    );
  });
  return searches.map(({ found }) => found.sort((a, b) => b.score - a.score));
}

/** For each row of logits, its best tokens with log p. */
function likeliest(logits: Tensor, beams: number): readonly (readonly [token: number, logP: number][])[] {
  const k = Math.min(beams, logits.size(1));
  const [values, indices] = topk(logSoftmax(logits, { dim: 1 }), { k, dim: 1 });
  const [logP, tokens] = [values.data(), indices.data()];
  return Array.from({ length: logits.size(0) }, (_, row) =>
    Array.from({ length: k }, (_, i) => [tokens[row * k + i]!, logP[row * k + i]!] as const),
  );
}

/** Beams, the first of which is row `first`, with one more token each; best first. */
function continuations(live: readonly Beam[], likely: ReturnType<typeof likeliest>, first: number): Candidate[] {
  return live
    .flatMap((beam, b) =>
      likely[first + b]!.map(([token, logP]) => ({
        tokens: beam.tokens,
        logProbability: beam.logProbability + logP,
        row: first + b,
        token,
      })),
    )
    .sort((x, y) => y.logProbability - x.logProbability);
}
