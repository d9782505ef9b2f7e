import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { DIGITS } from "../../digits/strokes.js";
import { POLICY } from "../serve.js";
import { answer, open, SKIP, start } from "./browser.js";

/** A place on the pad, in pixels of the window, for a point of a drawing. */
async function placer(page) {
  await page.locator("#pad").scrollIntoViewIfNeeded();
  const { x, y, width, height } = await page.locator("#pad").boundingBox();
  return ([px, py]) => ({ x: x + (px / 100) * width, y: y + (py / 100) * height });
}

const pointers = {
  async mouse(page, strokes) {
    const place = await placer(page);
    for (const [first, ...rest] of strokes) {
      const from = place(first);
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      // Faster than frames are shown, as real mice are.
      await Promise.all(rest.map(place).map(({ x, y }) => page.mouse.move(x, y)));
      await page.mouse.up();
    }
  },

  async touch(page, strokes) {
    const place = await placer(page);
    const devtools = await page.context().newCDPSession(page);
    const send = (type, points) =>
      devtools.send("Input.dispatchTouchEvent", { type, touchPoints: points.map((point) => place(point)) });
    for (const [first, ...rest] of strokes) {
      await send("touchStart", [first]);
      await Promise.all(rest.map((point) => send("touchMove", [point])));
      await send("touchEnd", []);
    }
  },

  async pen(page, strokes) {
    const place = await placer(page);
    const devtools = await page.context().newCDPSession(page);
    const send = (type, point) =>
      devtools.send("Input.dispatchMouseEvent", {
        type,
        ...place(point),
        button: "left",
        buttons: type === "mouseReleased" ? 0 : 1,
        clickCount: 1,
        pointerType: "pen",
      });
    for (const stroke of strokes) {
      await send("mousePressed", stroke[0]);
      await Promise.all(stroke.map((point) => send("mouseMoved", point)));
      await send("mouseReleased", stroke.at(-1));
    }
  },
};

/** By arrow keys alone, on a grid of 40 × 40; the pen starts in the middle. */
async function byKeys(page, strokes) {
  const { keyboard } = page;
  const at = [20, 20];
  const walk = async (to) => {
    while (at[0] !== to[0] || at[1] !== to[1]) {
      const keys = ["ArrowLeft ArrowRight", "ArrowUp ArrowDown"].flatMap((names, axis) => {
        const sign = Math.sign(to[axis] - at[axis]);
        at[axis] += sign;
        return sign === 0 ? [] : [names.split(" ")[sign < 0 ? 0 : 1]];
      });
      for (const key of keys) await keyboard.press(key);
    }
  };
  for (const stroke of strokes) {
    const points = stroke.map((point) => point.map((v) => Math.round((v * 40) / 100)));
    await walk(points[0]);
    await keyboard.press("Space");
    for (const point of points.slice(1)) await walk(point);
    await keyboard.press("Space");
  }
  // Back to where it started, with the pen up.
  await walk([20, 20]);
  await keyboard.press("Enter");
}

const steps = async (page) => Number.parseInt(await page.locator("#progress").textContent(), 10);
const points = async (page) => Number(await page.locator("#chart").getAttribute("data-points"));

describe("the page", { skip: SKIP }, () => {
  let site;
  before(async () => {
    site = await start();
  });
  after(() => site.stop());

  test("reads every digit drawn by mouse, in three ways each", async (t) => {
    const { page, trouble, response } = await open(site);
    assert.equal(response.headers()["content-security-policy"], POLICY);
    const wrong = [];
    for (const [digit, ways] of DIGITS.entries()) {
      for (const [way, strokes] of ways.entries()) {
        await pointers.mouse(page, strokes);
        const read = await answer(page);
        if (read !== digit) wrong.push(`${digit}, way ${way + 1}: read as ${read}`);
        await page.getByRole("button", { name: "Clear" }).click();
        assert.equal(await page.locator("#answer").textContent(), "Nothing drawn yet.");
      }
    }
    const drawn = DIGITS.flat().length;
    t.diagnostic(`${drawn - wrong.length} of ${drawn} drawings read right`);
    assert.deepEqual(wrong, []);
    assert.deepEqual(trouble, []);
  });

  for (const kind of ["touch", "pen"]) {
    test(`reads all ten drawn by ${kind}, on a small dark screen that does not scroll sideways`, async () => {
      const options = { viewport: { width: 360, height: 740 }, hasTouch: kind === "touch", colorScheme: "dark" };
      const { page, trouble } = await open(site, options);
      await page.evaluate(() => {
        document.getElementById("pad").addEventListener("pointerdown", (event) => {
          document.body.dataset.pointer = event.pointerType;
        });
      });
      const read = [];
      for (const [first] of DIGITS) {
        await pointers[kind](page, first);
        read.push(await answer(page));
        await page.getByRole("button", { name: "Clear" }).click();
      }
      assert.deepEqual(read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      assert.equal(await page.locator("body").getAttribute("data-pointer"), kind);
      assert.ok((await page.evaluate(() => document.documentElement.scrollWidth)) <= 360);
      assert.equal(await page.evaluate(() => getComputedStyle(document.body).backgroundColor), "rgb(18, 22, 28)");
      assert.deepEqual(trouble, []);
    });
  }

  test("reads all ten drawn by keys alone, and says so to those who cannot see it", async () => {
    const { page, trouble } = await open(site);
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), "pad");
    const outline = () => page.evaluate(() => getComputedStyle(document.activeElement).outlineStyle);
    assert.equal(await outline(), "solid");
    const read = [];
    for (const [first] of DIGITS) {
      await byKeys(page, first);
      read.push(await answer(page));
      await page.keyboard.press("Escape");
      assert.equal(await page.locator("#answer").textContent(), "Nothing drawn yet.");
    }
    assert.deepEqual(read, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
    assert.equal(await page.locator("#answer").getAttribute("aria-live"), "polite");
    // Everything else is within reach too, and named.
    const names = [];
    for (let i = 0; i < 6; i++) {
      await page.keyboard.press("Tab");
      names.push(
        await page.evaluate(() => document.activeElement.textContent || document.activeElement.labels[0].textContent),
      );
      assert.equal(await outline(), "solid");
    }
    assert.deepEqual(names, ["Classify", "Clear", "Train", "Start over", "Save weights", "Load weights"]);
    assert.deepEqual(trouble, []);
  });

  test("trains from nothing with a chart that grows, stops, goes on, and answers meanwhile", async (t) => {
    const { page, trouble } = await open(site);
    await page.getByRole("button", { name: "Start over" }).click();
    await page.locator("#state", { hasText: "know nothing" }).waitFor();
    await page.evaluate(() => {
      const progress = document.getElementById("progress");
      globalThis.losses = [];
      const look = () => globalThis.losses.push(Number(/loss (.*)$/.exec(progress.textContent)?.[1]));
      new MutationObserver(look).observe(progress, { childList: true });
    });
    await page.getByRole("button", { name: "Train" }).click();
    await page.waitForFunction(() => Number(document.getElementById("chart").dataset.points) >= 2);
    await pointers.mouse(page, DIGITS[3][0]);
    await answer(page);
    await page.waitForFunction(() => Number.parseInt(document.getElementById("progress").textContent, 10) >= 150);
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Continue" }).waitFor();
    const [stopped, drawn] = [await steps(page), await points(page)];
    const losses = (await page.evaluate(() => globalThis.losses)).filter(Number.isFinite);
    const [first, last] = [losses[0], losses.at(-1)];
    t.diagnostic(`loss ${first} at first, ${last} after ${stopped} steps, ${drawn} points`);
    // Who guesses among ten has a loss of 2.3.
    assert.ok(first > 1.5 && last < 1, `loss was ${first} and is ${last}`);
    assert.ok(drawn >= 25);
    const inked = await page.locator("#chart canvas").evaluate((canvas) => {
      const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
      return data.filter((value, i) => i % 4 === 3 && value > 0).length;
    });
    assert.ok(inked > 1000, `${inked} pixels of the chart are drawn on`);
    assert.equal(await steps(page), stopped);
    await page.getByRole("button", { name: "Continue" }).click();
    await page.waitForFunction(
      (n) => Number.parseInt(document.getElementById("progress").textContent, 10) > n,
      stopped,
    );
    await page.getByRole("button", { name: "Stop" }).click();
    await page.getByRole("button", { name: "Continue" }).waitFor();
    assert.deepEqual(trouble, []);
  });

  test("saves its weights and takes them back, and refuses other files", async () => {
    const { page, trouble } = await open(site);
    await pointers.mouse(page, DIGITS[4][0]);
    assert.equal(await answer(page), 4);
    const shares = () => page.locator("#probabilities td:last-child").allTextContents();
    const before = await shares();
    const download = page.waitForEvent("download");
    await page.getByRole("button", { name: "Save weights" }).click();
    const file = await download;
    assert.equal(file.suggestedFilename(), "lenet.safetensors");
    const saved = readFileSync(await file.path());
    assert.deepEqual(saved, readFileSync(new URL("../build/site/lenet.safetensors", import.meta.url)));

    await page.getByRole("button", { name: "Start over" }).click();
    await page.locator("#state", { hasText: "know nothing" }).waitFor();
    await page.waitForFunction(
      (old) => document.getElementById("answer").textContent !== old,
      `A 4, with ${before[4]}.`,
    );
    const upload = (name, buffer) =>
      page.getByLabel("Load weights").setInputFiles({ name, mimeType: "application/octet-stream", buffer });
    await upload("broken.safetensors", saved.subarray(0, 1000));
    await page.getByRole("alert").filter({ hasText: "safetensors" }).waitFor();
    await upload("mine.safetensors", saved);
    await page.locator("#state", { hasText: "Weights of mine.safetensors." }).waitFor();
    await page.getByText(`A 4, with ${before[4]}.`).waitFor();
    assert.deepEqual(await shares(), before);
    assert.equal(await page.getByRole("alert").isVisible(), false);
    assert.deepEqual(trouble, []);
  });
});
