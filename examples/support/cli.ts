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

/**
 * Runs an example: reads its flags, prints `usage` for --help, and ends the process with 0 if the outcome is within its bound, 1 if not or if
 * something could not be read, 2 for a wrong command line. Every example has --short, a run of seconds.
 */
export async function example<D extends Record<string, Default>>(
  usage: string,
  defaults: D,
  main: (options: Values<D & { short: false }>) => Outcome | Promise<Outcome>,
): Promise<void> {
  const options = parse(usage, { ...defaults, short: false as const });
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

function parse<D extends Record<string, Default>>(usage: string, defaults: D): Values<D> | null {
  const text = `${usage}\n\n  --short          a run of seconds, with a bound of its own\n  --help           print this`;
  try {
    const flags = Object.entries({ ...defaults, help: false }).map(([name, value]) => {
      return [name, { type: typeof value === "boolean" ? "boolean" : "string" }] as const;
    });
    const values: Record<string, unknown> = parseArgs({ options: Object.fromEntries(flags) }).values;
    if (values.help === true) {
      console.log(text);
      return null;
    }
    const entries = Object.entries(defaults).map(([name, value]) => [name, flagValue(name, values[name], value)]);
    return Object.fromEntries(entries) as Values<D>;
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
