// The command line of the examples: flags with defaults, --help, and a stated bound that tells success.
import { parseArgs } from "node:util";
import { QuadlaneError } from "quadlane";

/** A flag's default: its type is the flag's type. Null: a text that may be left out. */
type Default = string | number | boolean | null;

type Values<D extends Record<string, Default>> = {
  readonly [K in keyof D]: D[K] extends null
    ? string | null
    : D[K] extends number
      ? number
      : D[K] extends boolean
        ? boolean
        : string;
};

/** What an example reached, and what it had to. */
export interface Outcome {
  readonly name: string;
  readonly value: number;
  readonly atMost: number;
}

/** What an example's flags are. */
export interface Flags<D extends Record<string, Default>> {
  readonly defaults: D;
  /** Other defaults for --short. A flag that is given counts in any case. */
  readonly short?: Partial<Values<D>>;
  /** Flags that mean nothing without another one. */
  readonly needs?: { readonly [K in keyof D]?: keyof D };
}

/** A flag's values, and whether the run is a short one. */
type Options<D extends Record<string, Default>> = Values<D> & { readonly short: boolean };

/**
 * Runs an example: reads its flags, prints `usage` for --help, and ends the process with 0 if the outcome is within its bound, 1 if not or if
 * something could not be read, 2 for a wrong command line. Every example has --short, a run of seconds.
 */
export async function example<D extends Record<string, Default>>(
  usage: string,
  flags: Flags<D>,
  main: (options: Options<D>) => Outcome | Promise<Outcome>,
): Promise<void> {
  const options = parse(usage, flags);
  if (options === null) return;
  try {
    const { name, value, atMost } = await main(options);
    const reached = value <= atMost;
    console.log(`${name} ${value.toPrecision(4)}, ${reached ? "at most" : "SHOULD BE AT MOST"} ${atMost}`);
    process.exitCode = reached ? 0 : 1;
  } catch (error) {
    if (!(error instanceof QuadlaneError) && !isFileError(error)) throw error;
    console.error(error.message);
    process.exitCode = 1;
  }
}

function parse<D extends Record<string, Default>>(
  usage: string,
  { defaults, short, needs }: Flags<D>,
): Options<D> | null {
  const text = `${usage}\n\n  --short          a run of seconds, with smaller defaults\n  --help           print this`;
  try {
    const kinds = Object.entries({ ...defaults, short: false, help: false }).map(([name, value]) => {
      return [name, { type: typeof value === "boolean" ? "boolean" : "string" }] as const;
    });
    const given: Record<string, unknown> = parseArgs({ options: Object.fromEntries(kinds) }).values;
    if (given.help === true) {
      console.log(text);
      return null;
    }
    for (const [name, other] of Object.entries(needs ?? {})) {
      if (given[name] !== undefined && given[String(other)] === undefined) {
        throw new Error(`--${name} means nothing without --${String(other)}`);
      }
    }
    const fallbacks: Record<string, Default> = { ...defaults, ...(given.short === true ? short : {}) };
    const entries = Object.entries(fallbacks).map(([name, value]) => [name, flagValue(name, given[name], value)]);
    return { ...(Object.fromEntries(entries) as Values<D>), short: given.short === true };
  } catch (error) {
    console.error(`${error instanceof Error ? error.message : String(error)}\n\n${text}`);
    process.exitCode = 2;
    return null;
  }
}

function flagValue(name: string, given: unknown, fallback: Default): Default {
  if (given === undefined) return fallback;
  if (typeof fallback !== "number") return given as string | boolean;
  const value = Number(given);
  if (!(value >= 0) || value === Infinity || String(given).trim() === "") {
    throw new Error(`--${name} is "${String(given)}"; expected a number from 0 on`);
  }
  return value;
}

function isFileError(error: unknown): error is Error {
  return error instanceof Error && "syscall" in error;
}
