// The blocks of Inception v3 (Szegedy et al., Rethinking the Inception Architecture for Computer Vision, 2016). N batch, H and W the image.
import { avgPool2d } from "../functional/avgpool.js";
import { cat } from "../functional/copy.js";
import { maxPool2d } from "../functional/maxpool.js";
import { BasicConv2d } from "../nn/blocks_inception.js";
import { Module } from "../nn/module.js";
import type { Tensor } from "../tensor.js";

/** Scales a count of channels. */
export type Width = (channels: number) => number;

const join = (...parts: Tensor[]): Tensor => cat(parts, { dim: 1 });
const mean3 = (x: Tensor): Tensor => avgPool2d(x, { kernelSize: 3, stride: 1, padding: 1 });
const halved = (x: Tensor): Tensor => maxPool2d(x, { kernelSize: 3, stride: 2 });
/** 1×n and n×1, padded so that the size stays. */
const row = (from: number, to: number, n: number): BasicConv2d =>
  new BasicConv2d(from, to, [1, n], { padding: [0, (n - 1) / 2] });
const column = (from: number, to: number, n: number): BasicConv2d =>
  new BasicConv2d(from, to, [n, 1], { padding: [(n - 1) / 2, 0] });

/** Figure 5: 1×1, 5×5, two 3×3 in a row, pooling. */
export class InceptionA extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch5x5_1: BasicConv2d;
  readonly branch5x5_2: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly outChannels: number;

  constructor(from: number, pool: number, w: Width) {
    super();
    this.branch1x1 = new BasicConv2d(from, w(64), 1);
    this.branch5x5_1 = new BasicConv2d(from, w(48), 1);
    this.branch5x5_2 = new BasicConv2d(w(48), w(64), 5, { padding: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(from, w(64), 1);
    this.branch3x3dbl_2 = new BasicConv2d(w(64), w(96), 3, { padding: 1 });
    this.branch3x3dbl_3 = new BasicConv2d(w(96), w(96), 3, { padding: 1 });
    this.branch_pool = new BasicConv2d(from, w(pool), 1);
    this.outChannels = 2 * w(64) + w(96) + w(pool);
  }

  forward(x: Tensor): Tensor {
    const five = this.branch5x5_2.forward(this.branch5x5_1.forward(x));
    const double = this.branch3x3dbl_3.forward(this.branch3x3dbl_2.forward(this.branch3x3dbl_1.forward(x)));
    return join(this.branch1x1.forward(x), five, double, this.branch_pool.forward(mean3(x)));
  }
}

/** Figure 10: halves the size by a 3×3, two 3×3 in a row, and a pooling. */
export class InceptionB extends Module {
  readonly branch3x3: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3: BasicConv2d;
  readonly outChannels: number;

  constructor(from: number, w: Width) {
    super();
    this.branch3x3 = new BasicConv2d(from, w(384), 3, { stride: 2 });
    this.branch3x3dbl_1 = new BasicConv2d(from, w(64), 1);
    this.branch3x3dbl_2 = new BasicConv2d(w(64), w(96), 3, { padding: 1 });
    this.branch3x3dbl_3 = new BasicConv2d(w(96), w(96), 3, { stride: 2 });
    this.outChannels = w(384) + w(96) + from;
  }

  forward(x: Tensor): Tensor {
    const double = this.branch3x3dbl_3.forward(this.branch3x3dbl_2.forward(this.branch3x3dbl_1.forward(x)));
    return join(this.branch3x3.forward(x), double, halved(x));
  }
}

/** Figure 6: 7×7 as 1×7 and 7×1, once and twice; `inner` channels between them. */
export class InceptionC extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch7x7_1: BasicConv2d;
  readonly branch7x7_2: BasicConv2d;
  readonly branch7x7_3: BasicConv2d;
  readonly branch7x7dbl_1: BasicConv2d;
  readonly branch7x7dbl_2: BasicConv2d;
  readonly branch7x7dbl_3: BasicConv2d;
  readonly branch7x7dbl_4: BasicConv2d;
  readonly branch7x7dbl_5: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly outChannels: number;

  constructor(from: number, inner: number, w: Width) {
    super();
    const [c, out] = [w(inner), w(192)];
    this.branch1x1 = new BasicConv2d(from, out, 1);
    this.branch7x7_1 = new BasicConv2d(from, c, 1);
    this.branch7x7_2 = row(c, c, 7);
    this.branch7x7_3 = column(c, out, 7);
    this.branch7x7dbl_1 = new BasicConv2d(from, c, 1);
    this.branch7x7dbl_2 = column(c, c, 7);
    this.branch7x7dbl_3 = row(c, c, 7);
    this.branch7x7dbl_4 = column(c, c, 7);
    this.branch7x7dbl_5 = row(c, out, 7);
    this.branch_pool = new BasicConv2d(from, out, 1);
    this.outChannels = 4 * out;
  }

  forward(x: Tensor): Tensor {
    const single = this.branch7x7_3.forward(this.branch7x7_2.forward(this.branch7x7_1.forward(x)));
    let double = this.branch7x7dbl_2.forward(this.branch7x7dbl_1.forward(x));
    double = this.branch7x7dbl_4.forward(this.branch7x7dbl_3.forward(double));
    double = this.branch7x7dbl_5.forward(double);
    return join(this.branch1x1.forward(x), single, double, this.branch_pool.forward(mean3(x)));
  }
}

/** As Figure 10, with a 7×7 before the second 3×3: halves the size. */
export class InceptionD extends Module {
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2: BasicConv2d;
  readonly branch7x7x3_1: BasicConv2d;
  readonly branch7x7x3_2: BasicConv2d;
  readonly branch7x7x3_3: BasicConv2d;
  readonly branch7x7x3_4: BasicConv2d;
  readonly outChannels: number;

  constructor(from: number, w: Width) {
    super();
    const c = w(192);
    this.branch3x3_1 = new BasicConv2d(from, c, 1);
    this.branch3x3_2 = new BasicConv2d(c, w(320), 3, { stride: 2 });
    this.branch7x7x3_1 = new BasicConv2d(from, c, 1);
    this.branch7x7x3_2 = row(c, c, 7);
    this.branch7x7x3_3 = column(c, c, 7);
    this.branch7x7x3_4 = new BasicConv2d(c, c, 3, { stride: 2 });
    this.outChannels = w(320) + c + from;
  }

  forward(x: Tensor): Tensor {
    const three = this.branch3x3_2.forward(this.branch3x3_1.forward(x));
    const seven = this.branch7x7x3_3.forward(this.branch7x7x3_2.forward(this.branch7x7x3_1.forward(x)));
    return join(three, this.branch7x7x3_4.forward(seven), halved(x));
  }
}

/** Figure 7: 3×3 as 1×3 beside 3×1, once and behind a 3×3. */
export class InceptionE extends Module {
  readonly branch1x1: BasicConv2d;
  readonly branch3x3_1: BasicConv2d;
  readonly branch3x3_2a: BasicConv2d;
  readonly branch3x3_2b: BasicConv2d;
  readonly branch3x3dbl_1: BasicConv2d;
  readonly branch3x3dbl_2: BasicConv2d;
  readonly branch3x3dbl_3a: BasicConv2d;
  readonly branch3x3dbl_3b: BasicConv2d;
  readonly branch_pool: BasicConv2d;
  readonly outChannels: number;

  constructor(from: number, w: Width) {
    super();
    const c = w(384);
    this.branch1x1 = new BasicConv2d(from, w(320), 1);
    this.branch3x3_1 = new BasicConv2d(from, c, 1);
    this.branch3x3_2a = row(c, c, 3);
    this.branch3x3_2b = column(c, c, 3);
    this.branch3x3dbl_1 = new BasicConv2d(from, w(448), 1);
    this.branch3x3dbl_2 = new BasicConv2d(w(448), c, 3, { padding: 1 });
    this.branch3x3dbl_3a = row(c, c, 3);
    this.branch3x3dbl_3b = column(c, c, 3);
    this.branch_pool = new BasicConv2d(from, w(192), 1);
    this.outChannels = w(320) + 4 * c + w(192);
  }

  forward(x: Tensor): Tensor {
    const three = this.branch3x3_1.forward(x);
    const double = this.branch3x3dbl_2.forward(this.branch3x3dbl_1.forward(x));
    return join(
      this.branch1x1.forward(x),
      this.branch3x3_2a.forward(three),
      this.branch3x3_2b.forward(three),
      this.branch3x3dbl_3a.forward(double),
      this.branch3x3dbl_3b.forward(double),
      this.branch_pool.forward(mean3(x)),
    );
  }
}
