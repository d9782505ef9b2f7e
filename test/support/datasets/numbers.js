// A data set for worker tests: sample i is [[i, i + 0.5], i], with a little noise if it is asked for.
import { data, rand, tensor } from "quadlane";

export default ({ length = 10, noise = false, fail = -1, exit = -1, stall = -1, odd = "" }) => {
  const dataset = {
    length,
    get(index) {
      if (index === fail) throw new RangeError("no such number");
      if (index === exit) process.exit(3);
      if (index === stall) for (;;);
      if (odd === "map") return new Map();
      return [
        tensor([index, index + 0.5]),
        tensor(index, { dtype: "int32" }),
        { name: `n${index}`, even: index % 2 === 0 },
      ];
    },
  };
  if (!noise) return dataset;
  return data.withTransform(dataset, ([x, ...rest], generator) => [x.add(rand([2], { generator })), ...rest]);
};
