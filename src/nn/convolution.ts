import { checkInteger } from "../check.js";
import { ArgumentError } from "../errors.js";
import type { ConvAttrs } from "../ops/conv.js";
import { kaimingUniform_, uniform_ } from "./init.js";
import { Module } from "./module.js";
import { type Parameter, uninitialised } from "./parameter.js";

/** What convolutions and transposed convolutions over one to three dimensions share: sizes, weight, bias. */
export abstract class ConvolutionBase extends Module {
  weight: Parameter;
  bias: Parameter | null;

  constructor(
    protected readonly op: string,
    readonly inChannels: number,
    readonly outChannels: number,
    readonly kernelSize: readonly number[],
    protected readonly attrs: ConvAttrs,
    options: { readonly bias: boolean | undefined; readonly transposed: boolean },
  ) {
    super();
    checkInteger(op, "inChannels", inChannels, 1);
    checkInteger(op, "outChannels", outChannels, 1);
    const { groups } = attrs;
    for (const [name, channels] of Object.entries({ inChannels, outChannels })) {
      if (channels % groups !== 0) {
        throw new ArgumentError(op, `${name} is ${channels}; expected a multiple of groups ${groups}`);
      }
    }
    const channels = options.transposed ? [inChannels, outChannels / groups] : [outChannels, inChannels / groups];
    this.weight = uninitialised([...channels, ...kernelSize], op);
    this.bias = (options.bias ?? true) ? uninitialised([outChannels], op) : null;
    this.resetParameters();
  }

  get stride(): readonly number[] {
    return this.attrs.stride;
  }

  /** Elements before and behind each dimension. */
  get padding(): ConvAttrs["padding"] {
    return this.attrs.padding;
  }

  get dilation(): readonly number[] {
    return this.attrs.dilation;
  }

  get groups(): number {
    return this.attrs.groups;
  }

  /** Draws weight and bias anew, uniform in ±1/√(elements of weight[0]). */
  resetParameters(): void {
    kaimingUniform_(this.weight, { a: Math.sqrt(5) });
    const bound = 1 / Math.sqrt(this.weight.numel / this.weight.size(0));
    if (this.bias !== null) uniform_(this.bias, -bound, bound);
  }
}
