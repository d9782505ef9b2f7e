// The loss while it falls.
import uPlot from "uplot";

/** More points than this are merged in pairs, so that a long training takes no more room than a short one. */
const MOST = 600;
const HEIGHT = 220;

export class LossChart {
  #steps = [];
  #losses = [];
  /** Steps that a point is the mean of. */
  #each = 5;
  #open = [];
  #seen = 0;
  #plot = null;
  #frame = 0;

  constructor(holder) {
    this.holder = holder;
    new ResizeObserver(() => this.#plot?.setSize(this.#size())).observe(holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.#make());
    this.#make();
  }

  /** How many steps there were. */
  get steps() {
    return this.#seen;
  }

  /** The latest point. */
  get loss() {
    return this.#losses.at(-1) ?? null;
  }

  clear() {
    this.#steps = [];
    this.#losses = [];
    this.#each = 5;
    this.#open = [];
    this.#seen = 0;
    this.#show();
  }

  add(losses) {
    for (const loss of losses) {
      this.#open.push(loss);
      this.#seen++;
      if (this.#open.length < this.#each) continue;
      this.#steps.push(this.#seen);
      this.#losses.push(mean(this.#open));
      this.#open = [];
    }
    if (this.#steps.length > MOST) this.#merge();
    this.#show();
  }

  #merge() {
    const pairs = Math.floor(this.#steps.length / 2);
    this.#losses = Array.from({ length: pairs }, (_, i) => mean(this.#losses.slice(2 * i, 2 * i + 2)));
    this.#steps = Array.from({ length: pairs }, (_, i) => this.#steps[2 * i + 1]);
    this.#each *= 2;
  }

  /** Once a frame, however many slices report. */
  #show() {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => {
      this.#plot.setData([this.#steps, this.#losses]);
      this.holder.dataset.points = this.#steps.length;
      const latest = this.loss === null ? "no steps yet" : `${this.loss.toPrecision(3)} after ${this.#seen} steps`;
      this.holder.setAttribute("aria-label", `Loss by step: ${latest}`);
    });
  }

  #size() {
    return { width: Math.max(this.holder.clientWidth, 200), height: HEIGHT };
  }

  /** Anew for each colour scheme: what is drawn does not change with the style sheet. */
  #make() {
    this.#plot?.destroy();
    const style = getComputedStyle(this.holder);
    // Custom properties come as they are written; a colour that is in use comes as it is for this scheme.
    const colour = (name) => {
      this.holder.style.color = `var(${name})`;
      return style.color;
    };
    const [text, line, curve] = ["--soft", "--line", "--accent"].map(colour);
    this.holder.style.color = "";
    const axis = { stroke: text, grid: { stroke: line, width: 1 }, ticks: { stroke: line, width: 1 } };
    this.#plot = new uPlot(
      {
        ...this.#size(),
        scales: { x: { time: false }, y: { distr: 3 } },
        axes: [
          axis,
          {
            ...axis,
            label: "loss",
            labelSize: 20,
            values: (_, ticks) => ticks.map((v) => (v === null ? "" : String(v))),
          },
        ],
        series: [{ label: "step" }, { label: "loss", stroke: curve, width: 2, points: { show: false } }],
        legend: { show: false },
        cursor: { show: false },
      },
      [this.#steps, this.#losses],
      this.holder,
    );
  }
}

function mean(values) {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}
