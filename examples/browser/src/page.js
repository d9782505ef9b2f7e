// What the page does: the pad's drawing goes to the engine, its answer into the page; and buttons.
import "uplot/dist/uPlot.min.css";
import "./style.css";
import { proxy, wrap } from "comlink";
import { rasterise, SIZE } from "../../digits/raster.js";
import { LossChart } from "./chart.js";
import { Pad } from "./pad.js";

const $ = (id) => document.getElementById(id);
const engine = wrap(new Worker(new URL("./engine.js", import.meta.url), { type: "module" }));
const ready = engine.start();
const chart = new LossChart($("chart"));
const percent = (share) => `${(100 * share).toFixed(1)} %`;

const rows = Array.from({ length: 10 }, (_, digit) => {
  const row = $("probabilities").tBodies[0].insertRow();
  const head = row.appendChild(document.createElement("th"));
  head.scope = "row";
  head.textContent = digit;
  const bar = row.insertCell();
  bar.className = "bar";
  const share = row.insertCell();
  return { bar: bar.appendChild(document.createElement("div")), share };
});

const pad = new Pad($("pad"), {
  drawn: () => attempt(classify),
  submitted: () => attempt(classify),
  cleared: () => show(null, null),
  pen: (down) => {
    $("pen").textContent = down ? "Pen down" : "Pen up";
  },
});

/** Runs what a user asked for; if it fails, the page says why. */
async function attempt(action) {
  $("problem").hidden = true;
  try {
    await action();
  } catch (error) {
    $("problem").textContent = error.message;
    $("problem").hidden = false;
  }
}

let asked = 0;

async function classify() {
  const pixels = rasterise(pad.strokes);
  if (pixels === null) return show(null, null);
  const question = ++asked;
  $("answer").ariaBusy = "true";
  await ready;
  const probabilities = await engine.classify(pixels);
  // A later drawing has been asked for meanwhile.
  if (question === asked) show(pixels, probabilities);
}

/** Shows an answer, or that there is none. */
function show(pixels, probabilities) {
  if (pixels === null) asked++;
  $("answer").ariaBusy = "false";
  const best = probabilities?.indexOf(Math.max(...probabilities));
  $("digit").textContent = best ?? "–";
  $("answer").textContent =
    best === undefined ? "Nothing drawn yet." : `A ${best}, with ${percent(probabilities[best])}.`;
  rows.forEach(({ bar, share }, digit) => {
    bar.style.width = probabilities === null ? "0" : percent(probabilities[digit]).replace(" ", "");
    share.textContent = probabilities === null ? "" : percent(probabilities[digit]);
  });
  const image = new ImageData(SIZE, SIZE);
  for (let i = 0; i < SIZE * SIZE; i++) image.data.set([0, 0, 0, 255].fill(255 * (pixels?.[i] ?? 0), 0, 3), 4 * i);
  $("seen").getContext("2d").putImageData(image, 0, 0);
}

let isTraining = false;

async function toggleTraining() {
  if (isTraining) return engine.stop();
  isTraining = true;
  $("train").textContent = "Stop";
  $("state").textContent = "Training.";
  try {
    await engine.train(proxy(report));
  } finally {
    isTraining = false;
    $("train").textContent = "Continue";
    $("state").textContent = "The training rests.";
  }
  await classify();
}

function report(losses) {
  chart.add(losses);
  const loss = chart.loss === null ? "" : `, loss ${chart.loss.toFixed(4)}`;
  $("progress").textContent = `${chart.steps} steps${loss}`;
}

/** Empties the chart: other weights, another course. */
async function afterChange(text) {
  chart.clear();
  $("progress").textContent = "0 steps";
  $("state").textContent = text;
  if (!isTraining) $("train").textContent = "Train";
  await classify();
}

async function save() {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([await engine.save()], { type: "application/octet-stream" }));
  link.download = "lenet.safetensors";
  link.click();
  URL.revokeObjectURL(link.href);
}

async function load(file) {
  await engine.load(new Uint8Array(await file.arrayBuffer()));
  await afterChange(`Weights of ${file.name}.`);
}

$("classify").addEventListener("click", () => attempt(classify));
$("clear").addEventListener("click", () => pad.clear());
$("train").addEventListener("click", () => attempt(toggleTraining));
$("restart").addEventListener("click", () =>
  attempt(async () => {
    await engine.restart();
    await afterChange("New weights, which know nothing yet.");
  }),
);
$("save").addEventListener("click", () => attempt(save));
$("load").addEventListener("change", ({ target }) =>
  attempt(async () => {
    const [file] = target.files;
    // So that the same file can be chosen again.
    target.value = "";
    if (file !== undefined) await load(file);
  }),
);

await attempt(async () => {
  const kernels = await ready;
  for (const id of ["train", "restart", "save", "load"]) $(id).disabled = false;
  $("state").textContent = "Ready, with weights that know nothing yet.";
  const response = await fetch("lenet.safetensors");
  if (!response.ok) throw new Error(`lenet.safetensors: status ${response.status}; expected 200`);
  await engine.load(new Uint8Array(await response.arrayBuffer()));
  $("state").textContent = `Ready: trained weights, ${kernels} kernels.`;
  await classify();
});
