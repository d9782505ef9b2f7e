import { functional as F, type Tensor } from "../../src/node.js";
import { forIndex, Nd } from "../support/nd.js";
import { type InputSpec, opCase } from "../support/op-case.js";
import { at } from "./gather.js";
import { broadcastGet, broadcastShape } from "./mask.js";

const bool = (shape: number[], values: number[]): InputSpec => ({ shape, dtype: "bool", values });

/** Where each element of x[indices] comes from; `null` in `layout` stands for a whole dimension. */
function places(x: Nd, tensors: readonly Nd[], layout: readonly (0 | null)[]): { shape: number[]; from: number[][] } {
  const rank = x.shape.length;
  const dims = [...layout.keys()].filter((d) => layout[d] !== null);
  const rest = [...x.shape.keys()].filter((d) => !dims.includes(d));
  const common = tensors.reduce<number[]>((s, t) => broadcastShape(s, t.shape), []);
  const adjacent = dims.at(-1)! - dims[0]! === dims.length - 1;
  const lead = adjacent ? dims[0]! : 0;
  const outer = rest.map((d) => x.shape[d]!);
  const shape = [...outer.slice(0, lead), ...common, ...outer.slice(lead)];
  const from: number[][] = [];
  forIndex(shape, (index) => {
    const inCommon = index.slice(lead, lead + common.length);
    const inRest = [...index.slice(0, lead), ...index.slice(lead + common.length)];
    const place = new Array<number>(rank);
    dims.forEach((d, k) => {
      const i = broadcastGet(tensors[k]!, inCommon);
      place[d] = i < 0 ? i + x.shape[d]! : i;
    });
    rest.forEach((d, k) => {
      place[d] = inRest[k]!;
    });
    from.push(place);
  });
  return { shape, from };
}

/** How the index tensors spread over the dimensions. */
interface Layout {
  layout: (0 | null)[];
}

function spread(tensors: readonly (Tensor | null)[], layout: readonly (0 | null)[]): (Tensor | null)[] {
  const rest = [...tensors];
  return layout.map((d) => (d === null ? null : rest.shift()!));
}

const INDEX_SAMPLES: { name: string; inputs: InputSpec[]; options: Layout }[] = [
  { name: "rows, negative ones too", inputs: [{ shape: [4, 3] }, at([3], [-1, 0, -4])], options: { layout: [0] } },
  {
    name: "a column of points",
    inputs: [{ shape: [4, 3] }, at([3], [0, 1, 3]), at([3], [2, 0, -1])],
    options: { layout: [0, 0] },
  },
  {
    name: "a grid of points",
    inputs: [{ shape: [4, 5] }, at([2, 1], [0, 3]), at([3], [2, 0, 4])],
    options: { layout: [0, 0] },
  },
  {
    name: "second dimension",
    inputs: [{ shape: [2, 4, 3] }, at([2, 2], [3, 0, 1, 2])],
    options: { layout: [null, 0] },
  },
  {
    name: "middle two of four",
    inputs: [{ shape: [2, 3, 4, 2] }, at([2], [2, 0]), at([2], [1, 3])],
    options: { layout: [null, 0, 0] },
  },
  {
    name: "dimensions apart",
    inputs: [{ shape: [3, 2, 4] }, at([2], [2, 0]), at([2], [1, 3])],
    options: { layout: [0, null, 0] },
  },
  { name: "a scalar index", inputs: [{ shape: [3, 2] }, at([], [1])], options: { layout: [0] } },
];

export const cases = [
  opCase<Layout>({
    name: "index",
    ops: ["linearIndex"],
    run: ([x, ...tensors], { layout }) => F.index(x as Tensor, spread(tensors, layout)),
    oracle: ([x, ...tensors], { layout }) => {
      const { shape, from } = places(x!, tensors as Nd[], layout);
      return new Nd(
        shape,
        from.map((place) => x!.get(...place)),
      );
    },
    samples: [
      ...INDEX_SAMPLES,
      { name: "one place twice", inputs: [{ shape: [3, 2] }, at([5], [1, 1, -2, 0, 1])], options: { layout: [0] } },
      { name: "int32", inputs: [{ shape: [3], dtype: "int32" }, at([2], [2, 0])], options: { layout: [0] } },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3, 2] }, at([2], [0, 3])],
        options: { layout: [0] },
        message: ["index", "3", "-3 to 2"],
      },
      {
        name: "too small",
        inputs: [{ shape: [3, 2] }, at([1], [-4])],
        options: { layout: [0] },
        message: ["index", "-4"],
      },
      {
        name: "too many",
        inputs: [{ shape: [3] }, at([1], [0]), at([1], [0])],
        options: { layout: [0, 0] },
        message: ["index", "2 indices"],
      },
      { name: "none", inputs: [{ shape: [3] }], options: { layout: [null] }, message: ["index", "at least one"] },
      {
        name: "shapes that do not broadcast",
        inputs: [{ shape: [3, 3] }, at([2], [0, 0]), at([3], [0, 0, 0])],
        options: { layout: [0, 0] },
        message: ["index", "2", "3"],
      },
    ],
    bench: [
      {
        name: "1M places of two dimensions",
        inputs: [
          { shape: [1024, 1024] },
          { shape: [1 << 20], dtype: "int32", high: 1024 },
          { shape: [1 << 20], dtype: "int32", high: 1024 },
        ],
        options: { layout: [0, 0] },
        bytes: 16 << 20,
      },
    ],
  }),
  opCase<unknown>({
    name: "index with a mask",
    ops: ["linearIndex"],
    run: ([x, mask]) => F.index(x as Tensor, [mask as Tensor]),
    oracle: ([x, mask]) => {
      const tail = x!.shape.slice(mask!.shape.length);
      const size = tail.reduce((p, n) => p * n, 1);
      const rows = [...mask!.data.keys()].filter((i) => mask!.data[i]);
      return new Nd(
        [rows.length, ...tail],
        rows.flatMap((i) => [...x!.data.slice(i * size, (i + 1) * size)]),
      );
    },
    samples: [
      { name: "rows", inputs: [{ shape: [4, 3] }, bool([4], [1, 0, 0, 1])] },
      { name: "two dimensions", inputs: [{ shape: [2, 2, 3] }, bool([2, 2], [0, 1, 1, 0])] },
    ],
    errors: [
      { name: "another size", inputs: [{ shape: [4, 3] }, bool([3], [1, 0, 0])], message: ["index", "[3]", "[4]"] },
    ],
  }),
  opCase<Layout & { accumulate?: boolean }>({
    name: "indexPut",
    ops: ["linearIndex"],
    run: ([x, values, ...tensors], { layout, ...options }) =>
      F.indexPut(x as Tensor, spread(tensors, layout), values as Tensor, options),
    oracle: ([x, values, ...tensors], { layout, accumulate }) => {
      const { shape, from } = places(x!, tensors as Nd[], layout);
      const out = new Nd(x!.shape, x!.data);
      forIndex(shape, (index, flat) => {
        const v = broadcastGet(values!, index);
        out.set(accumulate ? out.get(...from[flat]!) + v : v, ...from[flat]!);
      });
      return out;
    },
    samples: [
      ...INDEX_SAMPLES.map(({ name, inputs: [x, ...rest], options }) => ({
        name,
        inputs: [x!, { shape: [] }, ...rest],
        options: { ...options, accumulate: true },
      })),
      { name: "rows", inputs: [{ shape: [4, 3] }, { shape: [2, 3] }, at([2], [-1, 0])], options: { layout: [0] } },
      {
        name: "dimensions apart",
        inputs: [{ shape: [3, 2, 4] }, { shape: [2, 2] }, at([2], [2, 0]), at([2], [1, 3])],
        options: { layout: [0, null, 0] },
      },
      {
        name: "repeated places add up",
        inputs: [{ shape: [3] }, { shape: [4] }, at([4], [1, 1, 0, -2])],
        options: { layout: [0], accumulate: true },
      },
    ],
    errors: [
      {
        name: "too large",
        inputs: [{ shape: [3] }, { shape: [] }, at([1], [5])],
        options: { layout: [0] },
        message: ["indexPut", "5"],
      },
      {
        name: "values that do not fit",
        inputs: [{ shape: [3] }, { shape: [3] }, at([2], [0, 1])],
        options: { layout: [0] },
        message: ["indexPut", "3", "2"],
      },
    ],
  }),
  opCase<unknown>({
    name: "take",
    ops: ["linearIndex"],
    run: ([x, index]) => F.take(x as Tensor, index as Tensor),
    oracle: ([x, index]) =>
      new Nd(
        index!.shape,
        index!.data.map((i) => x!.data.at(i)!),
      ),
    samples: [{ name: "matrix of indices", inputs: [{ shape: [3, 4] }, at([2, 3], [0, 11, -1, 5, 5, -12])] }],
    errors: [{ name: "too large", inputs: [{ shape: [3, 4] }, at([1], [12])], message: ["take", "12"] }],
  }),
  opCase<unknown>({
    name: "maskedSelect",
    ops: [],
    run: ([x, mask]) => F.maskedSelect(x as Tensor, mask as Tensor),
    oracle: ([x, mask]) => {
      const found: number[] = [];
      forIndex(broadcastShape(x!.shape, mask!.shape), (index) => {
        if (broadcastGet(mask!, index)) found.push(broadcastGet(x!, index));
      });
      return new Nd([found.length], found);
    },
    samples: [
      { name: "same shape", inputs: [{ shape: [2, 3] }, bool([2, 3], [1, 0, 1, 0, 0, 1])] },
      { name: "mask of columns", inputs: [{ shape: [2, 3] }, bool([3], [0, 1, 1])] },
      { name: "nothing", inputs: [{ shape: [2] }, bool([2], [0, 0])] },
      { name: "int32", inputs: [{ shape: [3], dtype: "int32" }, bool([3], [0, 1, 1])] },
    ],
    errors: [{ name: "a float mask", inputs: [{ shape: [2] }, { shape: [2] }], message: ["maskedSelect", "bool"] }],
  }),
  opCase<unknown>({
    name: "maskedScatter",
    ops: [],
    run: ([x, mask, source]) => F.maskedScatter(x as Tensor, mask as Tensor, source as Tensor),
    oracle: ([x, mask, source]) => {
      let next = 0;
      const out = new Nd(x!.shape);
      forIndex(x!.shape, (index, flat) => {
        out.data[flat] = broadcastGet(mask!, index) ? source!.data[next++]! : x!.data[flat]!;
      });
      return out;
    },
    samples: [
      {
        name: "more source than needed",
        inputs: [{ shape: [2, 3] }, bool([2, 3], [1, 0, 1, 0, 0, 1]), { shape: [2, 2] }],
      },
      { name: "mask of columns", inputs: [{ shape: [2, 3] }, bool([3], [0, 1, 0]), { shape: [2] }] },
    ],
    errors: [
      {
        name: "too little source",
        inputs: [{ shape: [3] }, bool([3], [1, 1, 1]), { shape: [2] }],
        message: ["maskedScatter", "2", "3"],
      },
    ],
  }),
];
