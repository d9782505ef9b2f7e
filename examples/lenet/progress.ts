import { SingleBar } from "cli-progress";

export interface Progress {
  /** Tells how far an epoch is. */
  update(step: number, loss: number, accuracy: number, imagesPerSecond: number): void;
  stop(): void;
}

/** A live bar on a terminal, elsewhere a line for each epoch. */
export function startProgress(epoch: number, epochs: number, steps: number): Progress {
  const name = `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;
  return process.stdout.isTTY ? bar(name, steps) : lines(name, steps);
}

function texts(loss: number, accuracy: number, imagesPerSecond: number): Record<"loss" | "accuracy" | "speed", string> {
  return {
    loss: `loss ${loss.toFixed(4)}`,
    accuracy: `accuracy ${(100 * accuracy).toFixed(2).padStart(6)} %`,
    speed: `${Math.round(imagesPerSecond).toLocaleString("en")} images/s`,
  };
}

function bar(name: string, steps: number): Progress {
  const format = `${name}  {bar}  {value}/{total}  {loss}  {accuracy}  {speed}`;
  const live = new SingleBar({
    format,
    barCompleteChar: "█",
    barIncompleteChar: "░",
    barsize: 24,
    hideCursor: true,
    stream: process.stdout,
  });
  live.start(steps, 0, { loss: "", accuracy: "", speed: "" });
  return {
    update: (step, loss, accuracy, speed) => live.update(step, texts(loss, accuracy, speed)),
    stop: () => live.stop(),
  };
}

function lines(name: string, steps: number): Progress {
  return {
    update: (step, ...values) => {
      if (step !== steps) return;
      const { loss, accuracy, speed } = texts(...values);
      console.log(`${name}  ${step}/${steps}  ${loss}  ${accuracy}  ${speed}`);
    },
    stop: () => {},
  };
}
