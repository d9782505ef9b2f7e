import { describe, expect, test } from "vitest";
import { functional as F, memory, nn, scope, type Tensor, tensor } from "../src/node.js";

/** y = scale ⊙ x, with a counter beside it. */
class Scale extends nn.Module {
  scale = new nn.Parameter(tensor([1, 2, 3]));
  callCount = new nn.Buffer(tensor(0));
  scratchPad = new nn.Buffer(tensor([0]), { persistent: false });

  forward(x: Tensor): Tensor {
    return F.mul(x, this.scale);
  }
}

class Net extends nn.Module {
  firstLayer = new Scale();
  body = new nn.Sequential(new Scale(), new Scale());
  shared = this.firstLayer;

  forward(x: Tensor): Tensor {
    return this.body.forward(this.firstLayer.forward(x));
  }
}

describe("a module", () => {
  test("finds parameters, buffers and modules as own properties, each once, under PyTorch's keys", () => {
    const net = new Net();
    expect([...net.namedParameters()].map(([k]) => k)).toEqual(["first_layer.scale", "body.0.scale", "body.1.scale"]);
    expect([...net.namedBuffers()].map(([k]) => k)).toContain("body.1.scratch_pad");
    expect([...net.namedModules()].map(([k]) => k)).toEqual(["", "first_layer", "body", "body.0", "body.1"]);
    expect([...net.stateDict().keys()]).toEqual([
      "first_layer.scale",
      "first_layer.call_count",
      "body.0.scale",
      "body.0.call_count",
      "body.1.scale",
      "body.1.call_count",
      "shared.scale",
      "shared.call_count",
    ]);
    net.dispose();
  });

  test("switches training mode for everything below", () => {
    const net = new Net().eval();
    expect([...net.modules()].every((m) => !m.training)).toBe(true);
    expect([...net.train().modules()].every((m) => m.training)).toBe(true);
    net.dispose();
  });

  test("applies a function to children before itself", () => {
    const net = new Net();
    const names: string[] = [];
    net.apply((m) => names.push(m.constructor.name));
    expect(names.at(-1)).toBe("Net");
    expect(names.filter((n) => n === "Scale").length).toBe(3);
    net.dispose();
  });

  test("copies a state dict in, and leaves everything as it was when one key does not fit", () => {
    const a = new Scale();
    const b = new Scale();
    for (const p of b.parameters()) p.requiresGrad_(false).fill_(9);
    a.loadStateDict(b.stateDict());
    expect(a.scale.tolist()).toEqual([9, 9, 9]);
    const wrong = new Map<string, Tensor>([
      ["scale", tensor([1, 2])],
      ["call_count", tensor(5)],
      ["other", tensor(5)],
    ]);
    const error = (() => {
      try {
        a.loadStateDict(wrong);
      } catch (e) {
        return e as { message: string; unexpected: string[]; mismatched: string[] };
      }
      return undefined;
    })();
    expect(error?.unexpected).toEqual(["other"]);
    expect(error?.message).toMatch(/scale is float32 \[2\], expected float32 \[3\]/);
    expect([a.scale.tolist(), a.callCount.item()]).toEqual([[9, 9, 9], 0]);
    expect(() => a.loadStateDict({})).toThrow(/missing scale, call_count/);
    a.loadStateDict({}, { strict: false });
    for (const t of wrong.values()) t.dispose();
    a.dispose();
    b.dispose();
  });

  test("runs forward hooks in order until they are removed, whoever calls forward", () => {
    const net = new Net();
    const x = tensor([1, 1, 1]);
    const log: string[] = [];
    const first = net.firstLayer.registerForwardHook(() => {
      log.push("first");
    });
    const second = net.firstLayer.registerForwardHook((_m, _args, result) => {
      log.push("second");
      return F.add(result as Tensor, 1);
    });
    const pre = net.registerForwardPreHook((_m, [input]) => [F.mul(input as Tensor, 2)]);
    scope(() => expect(net.forward(x).tolist()).toEqual([3, 20, 63]));
    expect(log).toEqual(["first", "second"]);
    first.remove();
    pre.remove();
    scope(() => expect(net.forward(x).tolist()).toEqual([2, 12, 36]));
    second.remove();
    scope(() => expect(net.forward(x).tolist()).toEqual([1, 8, 27]));
    expect([...net.stateDict().keys()]).not.toContain("forward");
    expect([...net.modules()].filter((m) => Object.hasOwn(m, "forward"))).toEqual([]);
    net.clone().dispose();
    x.dispose();
    net.dispose();
  });

  test("freezes and clears gradients", () => {
    const net = new Scale();
    const x = tensor([1, 1, 1]);
    scope(() => net.forward(x).sum().backward());
    expect(net.scale.grad?.tolist()).toEqual([1, 1, 1]);
    net.zeroGrad();
    expect(net.scale.grad).toBeNull();
    net.requiresGrad_(false);
    scope(() => expect(net.forward(x).requiresGrad).toBe(false));
    x.dispose();
    net.dispose();
  });

  test("survives the scope it was built in, and disposes of everything it holds", () => {
    const before = memory().liveBlocks;
    const net = scope(() => {
      const made = new Net();
      return () => made;
    })();
    expect(net.firstLayer.scale.tolist()).toEqual([1, 2, 3]);
    net.dispose();
    expect(memory().liveBlocks).toBe(before);
  });
});

describe("Sequential", () => {
  test("chains its modules and names them by position", () => {
    const net = new nn.Sequential(new Scale(), new Scale());
    const x = tensor([1, 1, 1]);
    scope(() => expect(net.forward(x).tolist()).toEqual([1, 4, 9]));
    expect(net.length).toBe(2);
    expect(net.append(new Scale()).at(-1)).toBeInstanceOf(Scale);
    expect([...net.namedParameters()].map(([k]) => k)).toEqual(["0.scale", "1.scale", "2.scale"]);
    x.dispose();
    net.dispose();
  });

  test("refuses what is no module, by position", () => {
    expect(() => new nn.Sequential(new Scale(), 3 as never)).toThrow(/Sequential: argument 1/);
  });
});

describe("ModuleList and ModuleDict", () => {
  test("hold modules under their positions and names", () => {
    const list = new nn.ModuleList([new Scale()]).append(new Scale()).insert(0, new Scale());
    expect([...list.namedParameters()].map(([k]) => k)).toEqual(["0.scale", "1.scale", "2.scale"]);
    expect(list.at(-1)).toBe([...list][2]);
    const dict = new nn.ModuleDict({ innerPart: new Scale(), "2b": new Scale() });
    expect([...dict.stateDict().keys()].filter((k) => k.endsWith("scale"))).toEqual(["innerPart.scale", "2b.scale"]);
    expect([dict.size, dict.has("2b"), dict.delete("missing")]).toEqual([2, true, false]);
    list.dispose();
    dict.dispose();
  });

  test("refuse to run, and names that would break the keys", () => {
    expect(() => new nn.ModuleList().forward()).toThrow(/Sequential/);
    expect(() => new nn.ModuleDict().forward()).toThrow(/by name/);
    expect(() => new nn.ModuleDict().set("a.b", new Scale())).toThrow(/without dots/);
  });
});

describe("a clone", () => {
  test("has the structure and values of the original, and tensors of its own", () => {
    const before = memory().liveBlocks;
    const net = new Net();
    net.firstLayer.scale.requiresGrad_(false);
    net.eval();
    const copy = net.clone();
    expect(copy).toBeInstanceOf(Net);
    expect([...copy.stateDict().keys()]).toEqual([...net.stateDict().keys()]);
    expect(copy.shared).toBe(copy.firstLayer);
    expect(copy.body.at(1)).toBeInstanceOf(Scale);
    expect([...copy.modules()].some((m) => m.training)).toBe(false);
    expect([...copy.parameters()].map((p) => p.requiresGrad)).toEqual([false, true, true]);
    expect(copy.firstLayer.scratchPad.persistent).toBe(false);
    scope(() => {
      const x = tensor([1, 1, 1]);
      net.body.forward(x).sum().backward();
      const part = net.body.at(0)!.clone();
      expect([...part.parameters()].map((p) => p.grad)).toEqual([null]);
      part.dispose();
      copy.firstLayer.scale.zero_();
      expect(net.firstLayer.scale.tolist()).toEqual([1, 2, 3]);
      expect(net.forward(x).tolist()).toEqual([1, 8, 27]);
      expect(copy.forward(x).tolist()).toEqual([0, 0, 0]);
      x.dispose();
    });
    net.dispose();
    copy.dispose();
    expect(memory().liveBlocks).toBe(before);
  });

  test("shares functions and generators, and copies lists, maps and options", () => {
    class Odd extends nn.Module {
      act = (x: Tensor): Tensor => F.neg(x);
      table = new Map<string, nn.Module>([["a", new Scale()]]);
      options = { sizes: [1, 2] };
      forward(x: Tensor): Tensor {
        return this.act(x);
      }
    }
    const odd = new Odd();
    const copy = odd.clone();
    expect(copy.act).toBe(odd.act);
    expect(copy.options).toEqual(odd.options);
    expect(copy.options.sizes).not.toBe(odd.options.sizes);
    expect(copy.table.get("a")).toBeInstanceOf(Scale);
    expect(copy.table.get("a")).not.toBe(odd.table.get("a"));
  });

  test("of a module with hooks or a parametrisation is refused by name", () => {
    const net = new Net();
    net.body.at(1)!.registerForwardHook(() => undefined);
    expect(() => net.clone()).toThrow('clone: "body.1" (Scale) has hooks');
    const linear = nn.utils.weightNorm(new nn.Linear(2, 2));
    expect(() => linear.clone()).toThrow("clone: the module (Linear)");
    net.dispose();
    linear.dispose();
  });
});
