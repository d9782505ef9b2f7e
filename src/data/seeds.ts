import { Generator } from "../random.js";

/** A seed in decimal, drawn from a generator. */
export function drawSeed(generator: Generator): string {
  const [low, high] = generator.words(2);
  return seedOf(low!, high!).toString();
}

function seedOf(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low);
}

/** The seed of the samples' generators differs from the orders' by these bits. */
const SAMPLES = 0x9e3779b97f4a7c15n;
const WORDS = 4;
/** Blocks of an epoch, so that offsets stay safe integers for 2^21 epochs. */
const EPOCH = 2 ** 32;

/**
 * Generators for consecutive samples of an epoch, from the one at `position` on. Each depends on nothing but the seed, the epoch and its
 * position, so that neither the batch size nor the number of workers nor a resumed pass changes what a sample draws.
 */
export function sampleGenerators(seed: string, epoch: number, position: number, count: number): Generator[] {
  const offset = epoch * EPOCH + position;
  const source = new Generator().setState({ seed: (BigInt(seed) ^ SAMPLES).toString(), offset });
  const words = source.words(count * WORDS);
  return Array.from({ length: count }, (_, i) => new Generator(seedOf(words[i * WORDS]!, words[i * WORDS + 1]!)));
}
