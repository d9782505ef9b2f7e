import { ArgumentError } from "../errors.js";

/** Padding, begin and end of a sequence, unknown token; in this order they are 0 to 3. */
export const SPECIALS: readonly string[] = ["<pad>", "<bos>", "<eos>", "<unk>"];

/** Special tokens and their numbers. */
export abstract class SpecialTokens {
  /** The number of a special token; null if there is none of that name. */
  protected abstract special(name: string): number | null;

  /** The number of `<pad>`; null if that is no special token here. So for the next three. */
  get padIndex(): number | null {
    return this.special("<pad>");
  }

  get bosIndex(): number | null {
    return this.special("<bos>");
  }

  get eosIndex(): number | null {
    return this.special("<eos>");
  }

  get unkIndex(): number | null {
    return this.special("<unk>");
  }

  /** The number of a special token that is asked for. Errors: ArgumentError if there is none of that name. */
  protected wanted(name: string): number {
    const index = this.special(name);
    if (index !== null) return index;
    throw new ArgumentError(`${this.constructor.name}.encode`, `there is no special token "${name}"; expected it`);
  }
}
