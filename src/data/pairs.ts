import { checkInteger, checkOptions } from "../check.js";
import { ArgumentError, FormatError } from "../errors.js";

export interface PairsOptions {
  /** What stands between the two. Default: a tab. */
  readonly separator?: string;
  /** Stop after so many pairs. Default: all. */
  readonly maxPairs?: number;
}

/**
 * Reads pairs of texts, one pair for each line: `first<TAB>second`. What follows a second separator is left out, and so are empty lines.
 * Errors: FormatError with the line for one without a separator.
 */
export function parsePairs(text: string, options: PairsOptions = {}): [string, string][] {
  checkOptions("parsePairs", options, ["separator", "maxPairs"]);
  const { separator = "\t", maxPairs = 2 ** 31 - 1 } = options;
  if (typeof separator !== "string" || separator === "" || /[\r\n]/.test(separator)) {
    throw new ArgumentError("parsePairs", `separator is ${JSON.stringify(separator)}; expected a text within a line`);
  }
  checkInteger("parsePairs", "maxPairs", maxPairs, 0);
  if (typeof text !== "string") throw new ArgumentError("parsePairs", `text is a ${typeof text}; expected a string`);
  const pairs: [string, string][] = [];
  let line = 0;
  for (let start = 0; start < text.length && pairs.length < maxPairs; ) {
    let end = text.indexOf("\n", start);
    if (end < 0) end = text.length;
    const content = text.slice(start, text[end - 1] === "\r" ? end - 1 : end);
    start = end + 1;
    line++;
    if (content === "") continue;
    const [first, second] = content.split(separator, 2);
    if (second === undefined) {
      throw new FormatError("pairs", `line ${line} has no ${JSON.stringify(separator)}; expected two texts`);
    }
    pairs.push([first!, second]);
  }
  return pairs;
}
