import { checkInteger, type NoOptions } from "../check.js";
import * as F from "../functional/shuffle.js";
import type { Tensor } from "../tensor.js";
import { Module } from "./module.js";

/** [.., C·r², H, W] → [.., C, H·r, W·r]; see `functional.pixelShuffle`. */
export class PixelShuffle extends Module {
  constructor(
    readonly upscaleFactor: number,
    ...none: NoOptions
  ) {
    super(...none);
    checkInteger("PixelShuffle", "upscaleFactor", upscaleFactor, 1);
  }

  forward(x: Tensor): Tensor {
    return F.pixelShuffle(x, { upscaleFactor: this.upscaleFactor });
  }
}

/** [.., C, H·r, W·r] → [.., C·r², H, W]; see `functional.pixelUnshuffle`. */
export class PixelUnshuffle extends Module {
  constructor(
    readonly downscaleFactor: number,
    ...none: NoOptions
  ) {
    super(...none);
    checkInteger("PixelUnshuffle", "downscaleFactor", downscaleFactor, 1);
  }

  forward(x: Tensor): Tensor {
    return F.pixelUnshuffle(x, { downscaleFactor: this.downscaleFactor });
  }
}

/** Mixes the channels of the groups; see `functional.channelShuffle`. */
export class ChannelShuffle extends Module {
  constructor(
    readonly groups: number,
    ...none: NoOptions
  ) {
    super(...none);
    checkInteger("ChannelShuffle", "groups", groups, 1);
  }

  forward(x: Tensor): Tensor {
    return F.channelShuffle(x, { groups: this.groups });
  }
}
