// Text to learn from: a file's, or sentences of a small grammar.
import { data, Generator, models } from "quadlane";

const WORDS = {
  subject: ["the king", "my lady", "a fool", "the old captain", "our queen", "this servant"],
  verb: ["loves", "fears", "follows", "remembers", "forgets", "serves"],
  object: ["the crown", "a quiet night", "his honour", "the sea", "an honest word", "her brother"],
  when: ["today", "before the dawn", "when winter comes", "in the name of peace", "for ever"],
};

/** Lines that a grammar makes: who, what, whom and when, each chosen evenly. Their entropy is about 0.2 nats a character. */
export function grammarText(characters: number, seed = 1): string {
  const generator = new Generator(seed);
  const lines: string[] = [];
  for (let length = 0; length < characters; ) {
    const draws = generator.words(4);
    const line = Object.values(WORDS)
      .map((words, i) => words[draws[i]! % words.length]!)
      .join(" ");
    lines.push(`${line[0]!.toUpperCase()}${line.slice(1)}.`);
    length += line.length + 2;
  }
  return lines.join("\n");
}

/** A text as numbers of its characters, the last tenth held out. */
export interface Corpus {
  readonly vocabulary: readonly string[];
  readonly train: Int32Array;
  readonly test: Int32Array;
  encode(text: string): Int32Array;
}

export function corpus(text: string): Corpus {
  const vocabulary = [...new Set(text)].sort();
  const codeOf = new Map(vocabulary.map((c, i) => [c, i]));
  const encode = (s: string): Int32Array => Int32Array.from(Array.from(s).flatMap((c) => codeOf.get(c) ?? []));
  const codes = encode(text);
  const cut = Math.floor(codes.length * 0.9);
  return { vocabulary, train: codes.subarray(0, cut), test: codes.subarray(cut), encode };
}

export function loadText(file: string | null, characters: number): string {
  return file === null ? grammarText(characters) : data.readText(file);
}

/** A prompt, and what a model writes behind it. */
export function continued(
  model: models.GenerativeModel<models.Prompt>,
  { vocabulary, encode }: Corpus,
  prompt: string,
  options: models.GenerateOptions,
): string {
  const [written] = models.generate(model, encode(prompt), options);
  return prompt + Array.from(written!, (code) => vocabulary[code]).join("");
}
