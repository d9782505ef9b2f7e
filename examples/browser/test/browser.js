// The page in Chromium, and what it complains of.
import { existsSync } from "node:fs";
import { env } from "node:process";
import { chromium } from "playwright-core";
import { serve } from "../serve.js";

const candidates = [env.CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"];
const executablePath = candidates.find((path) => path !== undefined && existsSync(path));

/** Why there is nothing to test with; false if there is. */
export const SKIP = executablePath === undefined && "no Chromium found; set CHROMIUM to its path";

/** A server and a browser for all tests of a file. */
export async function start() {
  const { server, address } = await serve(0);
  const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
  const stop = async () => {
    await browser.close();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { browser, address, stop };
}

/** The page, ready, with all that it printed, threw, or asked of somebody else than its server. */
export async function open({ browser, address }, options = {}) {
  const context = await browser.newContext({ viewport: { width: 1100, height: 900 }, ...options });
  const page = await context.newPage();
  const trouble = [];
  page.on("console", (message) => trouble.push(`${message.type()}: ${message.text()}`));
  page.on("pageerror", (error) => trouble.push(String(error)));
  page.on("request", (request) => {
    if (!request.url().startsWith(address) && !request.url().startsWith(`blob:${address}`)) trouble.push(request.url());
  });
  page.on("response", (response) => {
    if (response.status() >= 400) trouble.push(`${response.status()} ${response.url()}`);
  });
  const response = await page.goto(address);
  await page.locator("#state", { hasText: "Ready: trained" }).waitFor();
  return { page, trouble, response };
}

/** The digit that the page answers to the drawing that it has now. */
export async function answer(page) {
  await page.locator("#answer[aria-busy=false]", { hasText: /^A \d/ }).waitFor();
  return Number((await page.locator("#answer").textContent())[2]);
}
