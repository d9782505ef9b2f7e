import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ArgumentError, models, nn, summary, tensor, train } from "../src/node.js";
import { HtmlReport, type ReportInput, writeReport } from "../src/train/report.node.js";
import { gradientCharts, historyCharts } from "../src/train/report_charts.js";
import { ones, runSteps } from "./support/callbacks.js";
import { expectNoLeaks, own } from "./support/loading.js";

expectNoLeaks();

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "quadlane-report-"));
});
afterAll(() => rmSync(folder, { recursive: true }));

type Entry = train.HistoryEntry;
const entry = (step: number, epoch: number, logs: Record<string, number>): Entry => ({ step, epoch, time: step, logs });

function course(): Pick<train.History, "steps" | "epochs"> {
  const steps = Array.from({ length: 100 }, (_, i) =>
    entry(i + 1, Math.floor(i / 25), {
      loss: i >= 40 && i < 45 ? Number.NaN : 2 / (1 + i / 10),
      lr: 0.1 * (1 - i / 100),
      gradNorm: 10 ** (-i / 20),
    }),
  );
  const epochs = [25, 50, 75, 100].map((step, e) =>
    entry(step, e + 1, { loss: 2 / (1 + step / 10), valLoss: 2.2 / (1 + step / 10), valAccuracy: 0.5 + e / 10 }),
  );
  return { steps, epochs };
}

const HOSTILE = `</script><script>window.hacked = 1</script><img src="https://evil.example/x.png" onerror="window.hacked=1">`;

function fullInput(): ReportInput {
  const model = new models.LeNet5();
  for (const p of model.parameters()) own(p);
  return {
    title: `LeNet ${HOSTILE}`,
    history: course(),
    summary: summary(model, [1, 1, 28, 28]),
    confusion: {
      labels: ["cat", HOSTILE, "dog"],
      matrix: [
        [8, 1, 1],
        [0, 5, 5],
        [0, 0, 0],
      ],
    },
    notes: `first line\nsecond & ${HOSTILE}`,
    parameters: { batchSize: 64, optimizer: "Adam", [HOSTILE]: [1, 2] },
    gradients: [1, 11, 21].map((step) => ({
      step,
      totalNorm: 1 / step,
      layers: [
        {
          layer: "conv1",
          type: "Conv2d",
          gradNorm: 0.5 / step,
          weightNorm: 1,
          ratio: 0.5 / step,
          missing: false,
          updateRatio: 1e-3,
        },
        { layer: HOSTILE, type: "Linear", gradNorm: 0, weightNorm: 1, ratio: 0, missing: false, updateRatio: null },
      ],
      activations: [{ layer: "relu", type: "ReLU", kind: "dead" as const, fraction: step / 30 }],
      warnings: [{ kind: "vanishing" as const, layer: HOSTILE, message: `the gradient of ${HOSTILE} is 0` }],
    })),
  };
}

describe("historyCharts", () => {
  test("puts a quantity's values on all data into one chart, losses first and norms last on a logarithmic axis", () => {
    const charts = historyCharts(course());
    expect(charts.map((c) => [c.title, c.log, c.series.map((s) => s.label)])).toEqual([
      ["loss", false, ["loss, each step", "loss, by epoch", "valLoss"]],
      ["accuracy", false, ["valAccuracy"]],
      ["learning rate", false, ["lr"]],
      ["gradNorm", true, ["gradNorm"]],
    ]);
    const [each] = charts[0]!.series;
    expect(each!.y.slice(39, 46).map((v) => v === null)).toEqual([false, true, true, true, true, true, false]);
  });

  test("knows names with underscores, and words that only begin alike", () => {
    const history = { steps: [], epochs: [entry(1, 1, { val_loss: 1, loss: 2, value: 3, training: 4 })] };
    expect(historyCharts(history).map((c) => [c.title, c.series.length])).toEqual([
      ["loss", 2],
      ["value", 1],
      ["training", 1],
    ]);
  });

  test("thins long series out but keeps their extremes and a gap", () => {
    const steps = Array.from({ length: 50_000 }, (_, i) =>
      entry(i, 0, { loss: i === 777 ? 99 : i === 31_000 ? Number.NaN : 1 }),
    );
    const [loss] = historyCharts({ steps, epochs: [] })[0]!.series;
    expect(loss!.x.length).toBeLessThanOrEqual(3000);
    expect(loss!.y[loss!.x.indexOf(777)]).toBe(99);
    expect(loss!.y[loss!.x.indexOf(31_000)]).toBeNull();
    expect(loss!.x.every((x, i) => i === 0 || x > loss!.x[i - 1]!)).toBe(true);
  });

  test("leaves out what was never finite, and zeros on a logarithmic axis", () => {
    const epochs = [entry(1, 1, { loss: Number.NaN, gradNorm: 0 }), entry(2, 2, { loss: Infinity, gradNorm: 1 })];
    expect(historyCharts({ steps: [], epochs })).toEqual([
      { title: "gradNorm", log: true, series: [{ label: "gradNorm", x: [1, 2], y: [null, 1] }] },
    ]);
  });

  test("has charts of a monitor's records", () => {
    const records = fullInput().gradients as readonly train.GradientRecord[];
    expect(gradientCharts(records).map((c) => [c.title, c.series.map((s) => s.label)])).toEqual([
      ["gradient norms by layer", ["all", "conv1"]],
      ["update to weights by layer", ["conv1"]],
      ["dead units, part of all", ["relu"]],
    ]);
  });
});

describe("writeReport", () => {
  const page = (input: ReportInput): string => {
    const path = join(folder, "page.html");
    writeReport(path, input);
    return readFileSync(path, "utf8");
  };

  test("writes one file that names no address to load from, with all text escaped", () => {
    const html = page(fullInput());
    expect(html).not.toContain("<script>window.hacked");
    expect(html).not.toContain("<img");
    expect(html).toContain("&lt;/script&gt;&lt;script&gt;window.hacked = 1");
    expect(html.match(/<\/script>/g)).toHaveLength(2);
    expect(html).not.toMatch(/<link|@import|url\(|src=http/);
    expect(html).toContain("default-src 'none'");
    expect(html).toContain("Permission is hereby granted");
    expect(readdirSync(folder).filter((f) => f.endsWith(".tmp"))).toEqual([]);
  });

  test("tells results, parameters, warnings and the diagonal in tables", () => {
    const html = page(fullInput());
    expect(html).toContain('<tr><th scope="row">valAccuracy</th><td>0.8</td><td>0.5</td><td>0.8</td></tr>');
    expect(html).toContain("After 100 steps, 4 epochs, 100 s");
    expect(html).toContain('<tr><th scope="row">batchSize</th><td>64</td></tr>');
    expect(html).toContain("<b>vanishing</b>, step 1:");
    expect(html.match(/<b>vanishing/g)).toHaveLength(1);
    expect(html).toContain("13 of 20 on the diagonal");
    expect(html).toContain('<td class="hit strong" style="--share:0.800" title="80.0 % of cat as cat">8</td>');
    expect(html).toContain("conv1: Conv2d");
  });

  test("works with an empty history, and refuses what does not fit before it writes", () => {
    expect(page({ history: { steps: [], epochs: [] } })).toContain("<h1>Training</h1>");
    const path = join(folder, "none.html");
    const history = course();
    const call = (input: object) => () => Reflect.apply(writeReport, undefined, [path, input]);
    expect(call({ history, confusion: { labels: ["a"], matrix: [[1, 2]] } })).toThrow(
      "confusion has 1 rows of 2 counts for 1 labels",
    );
    expect(call({ history, confusion: { labels: ["a"], matrix: [[-1]] } })).toThrow(ArgumentError);
    expect(call({ history: {} })).toThrow("history has no steps");
    expect(call({ history, colour: "red" })).toThrow('unknown option "colour"');
    expect(existsSync(path)).toBe(false);
    expect(() => writeReport(join(folder, "missing", "x.html"), { history })).toThrow(/ENOENT/);
  });
});

describe("HtmlReport", () => {
  const run = (report: HtmlReport) => {
    const model = ones(new nn.Linear(1, 1));
    for (const p of model.parameters()) own(p);
    const x = own(tensor([[1]]));
    return runSteps(model, [report], 4, () => model.forward(x).sum(), { epochLength: 2 });
  };

  test("is written by epoch and at the end, and asks for the confusion matrix then", () => {
    const path = join(folder, "run.html");
    let asked = 0;
    const confusion = () => (++asked === 1 ? null : { labels: ["a"], matrix: [[asked]] });
    run(new HtmlReport(path, { title: "run", confusion }));
    // After two epochs and at the end.
    expect(asked).toBe(3);
    expect(readFileSync(path, "utf8")).toContain("3 of 3 on the diagonal");
  });

  test("tells why training ended early", () => {
    const path = join(folder, "failed.html");
    const report = new HtmlReport(path);
    const state = { history: Object.assign(new train.History(), course()) };
    Reflect.apply(report.onTrainEnd, report, [state, new Error("loss is <NaN>")]);
    expect(readFileSync(path, "utf8")).toContain("Training ended early: loss is &lt;NaN&gt;");
    expect(() => new HtmlReport(path, { every: 0 })).toThrow("HtmlReport: every is 0");
    expect(() => Reflect.construct(HtmlReport, [path, { theme: "dark" }])).toThrow('unknown option "theme"');
  });
});

const candidates = [process.env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => path !== undefined && existsSync(path));
const reason = executablePath === undefined ? " (skipped: no Chromium found; set CHROMIUM to its path)" : "";

describe.skipIf(executablePath === undefined)(`a report in Chromium${reason}`, () => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
  }, 60_000);
  afterAll(() => browser.close());

  /** The page, and what it complained of or asked the network for. */
  async function opened(colorScheme: "light" | "dark"): Promise<{ page: Page; trouble: string[] }> {
    const path = join(folder, "browser.html");
    writeReport(path, fullInput());
    const page = await browser.newPage({ colorScheme });
    const trouble: string[] = [];
    page.on("console", (message) => trouble.push(message.text()));
    page.on("pageerror", (error) => trouble.push(String(error)));
    const address = pathToFileURL(path).href;
    page.on("request", (request) => {
      if (request.url() !== address) trouble.push(request.url());
    });
    await page.goto(address, { waitUntil: "load" });
    return { page, trouble };
  }

  /** Pixels of each canvas that are not transparent. */
  const inked = (page: Page): Promise<number[]> =>
    page.$$eval("canvas", (all) =>
      all.map((canvas) => {
        const { data } = canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height);
        let count = 0;
        for (let i = 3; i < data.length; i += 4) if (data[i]! > 0) count++;
        return count;
      }),
    );

  test("draws every chart, asks for nothing and runs nothing of the labels", async () => {
    const { page, trouble } = await opened("light");
    const ink = await inked(page);
    expect(ink).toHaveLength(7);
    expect(Math.min(...ink)).toBeGreaterThan(500);
    expect(await page.evaluate("window.hacked")).toBeUndefined();
    expect(await page.locator("img").count()).toBe(0);
    expect(await page.locator("h1").textContent()).toBe(`LeNet ${HOSTILE}`);
    expect(await page.locator(".u-legend").first().textContent()).toContain("valLoss");
    expect(await page.locator(".confusion td").allTextContents()).toEqual([
      "8",
      "1",
      "1",
      "0",
      "5",
      "5",
      "0",
      "0",
      "0",
    ]);
    expect(trouble).toEqual([]);
    await page.close();
  }, 60_000);

  test("follows dark colours, new sizes and the printer", async () => {
    const { page, trouble } = await opened("dark");
    const background = () => page.evaluate("getComputedStyle(document.body).backgroundColor");
    expect(await background()).toBe("rgb(21, 25, 30)");
    await page.emulateMedia({ colorScheme: "light" });
    expect(await background()).toBe("rgb(255, 255, 255)");
    await page.setViewportSize({ width: 400, height: 800 });
    await page.waitForFunction("document.querySelector('canvas').clientWidth < 400");
    expect(await page.evaluate("document.documentElement.scrollWidth")).toBeLessThanOrEqual(400);
    expect((await page.pdf()).length).toBeGreaterThan(10_000);
    expect(Math.min(...(await inked(page)))).toBeGreaterThan(500);
    expect(trouble).toEqual([]);
    await page.close();
  }, 60_000);
});
