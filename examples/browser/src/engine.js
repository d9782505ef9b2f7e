// The network, in a Web Worker, so that the page answers while it trains.
import { expose } from "comlink";
import { functional as F, init, noGrad, safetensors, scope, tensor } from "quadlane";
import { SIZE } from "../../digits/raster.js";
import { makeModel, training } from "../../digits/recipe.js";

/** Milliseconds of training between two looks at what the page asks. */
const SLICE = 60;

let model = null;
/** The course of the training, which a pause leaves where it is. */
let course = null;
let running = false;

function use(other) {
  // Lets go of the batch that it rests at.
  course?.return();
  course = null;
  model?.dispose();
  model = other;
}

/** A model with the weights of a file. */
function withWeights(bytes) {
  const { tensors } = safetensors.parse(bytes);
  const loaded = makeModel(1);
  try {
    loaded.loadStateDict(tensors);
  } catch (error) {
    loaded.dispose();
    throw error;
  } finally {
    for (const t of tensors.values()) t.dispose();
  }
  return loaded;
}

/** What the page calls. What goes wrong is thrown there. */
const engine = {
  /** Loads the kernels; returns which. */
  async start() {
    const { backend, binary } = await init();
    use(makeModel(1));
    return binary ?? backend;
  },

  /** Ten probabilities for SIZE × SIZE grey values from 0 to 1. */
  classify(pixels) {
    return noGrad(() =>
      scope(() => {
        const x = tensor(pixels).reshape(1, 1, SIZE, SIZE);
        return F.softmax(model.forward(x), { dim: 1 }).data();
      }),
    );
  },

  /** Trains until `stop`, and tells of the losses of each slice. */
  async train(report) {
    if (running) return;
    running = true;
    while (running) {
      course ??= training(model, { seed: Math.floor(Math.random() * 2 ** 31) });
      const start = performance.now();
      const losses = [];
      while (performance.now() < start + SLICE) losses.push(course.next().value);
      report(losses);
      await new Promise((resolve) => setTimeout(resolve));
    }
  },

  stop() {
    running = false;
  },

  /** New weights that know nothing. */
  restart() {
    use(makeModel(Math.floor(Math.random() * 2 ** 31)));
  },

  /** The weights as a safetensors file. */
  save() {
    return safetensors.serialize(model.stateDict());
  },

  /** Takes a safetensors file's weights; if they do not fit, those that there are stay. */
  load(bytes) {
    use(withWeights(bytes));
  },
};

expose(engine);
