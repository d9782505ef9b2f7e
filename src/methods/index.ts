// Operations as methods of Tensor, with PyTorch's positional arguments. The operations stand in higher layers than the class, so
// they are attached here; importing the package's entry does it.
import { Tensor } from "../tensor.js";
import { activationMethods } from "./activation.js";
import { arithmeticMethods } from "./arithmetic.js";
import { compareMethods } from "./compare.js";
import { copyMethods, copyProperties } from "./copy.js";
import { coreMethods } from "./core.js";
import { cumulativeMethods } from "./cumulative.js";
import { extremaMethods } from "./extrema.js";
import { gatherMethods } from "./gather.js";
import { linalgMethods } from "./linalg.js";
import { matmulMethods } from "./matmul.js";
import { rearrangeMethods } from "./rearrange.js";
import { reduceMethods } from "./reduce.js";
import { softmaxMethods } from "./softmax.js";
import { sortMethods } from "./sort.js";
import { statisticsMethods } from "./statistics.js";
import { transcendentalMethods } from "./transcendental.js";
import { unaryMethods } from "./unary.js";
import { viewMethods } from "./view.js";

const families = [
  activationMethods,
  arithmeticMethods,
  compareMethods,
  copyMethods,
  coreMethods,
  cumulativeMethods,
  extremaMethods,
  gatherMethods,
  linalgMethods,
  matmulMethods,
  rearrangeMethods,
  reduceMethods,
  softmaxMethods,
  sortMethods,
  statisticsMethods,
  transcendentalMethods,
  unaryMethods,
  viewMethods,
] as const;

type Methods = typeof activationMethods &
  typeof arithmeticMethods &
  typeof compareMethods &
  typeof copyMethods &
  typeof coreMethods &
  typeof cumulativeMethods &
  typeof extremaMethods &
  typeof gatherMethods &
  typeof linalgMethods &
  typeof matmulMethods &
  typeof rearrangeMethods &
  typeof reduceMethods &
  typeof softmaxMethods &
  typeof sortMethods &
  typeof statisticsMethods &
  typeof transcendentalMethods &
  typeof unaryMethods &
  typeof viewMethods;

type Properties = {
  readonly [N in keyof typeof copyProperties]: ReturnType<(typeof copyProperties)[N]>;
};

declare module "../tensor.js" {
  interface Tensor extends Methods, Properties {}
}

for (const family of families) {
  for (const [name, value] of Object.entries(family)) {
    Object.defineProperty(Tensor.prototype, name, { value, writable: true, configurable: true });
  }
}

for (const [name, get] of Object.entries(copyProperties)) {
  Object.defineProperty(Tensor.prototype, name, { get, configurable: true });
}
