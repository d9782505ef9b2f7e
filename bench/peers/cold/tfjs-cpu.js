import { logits } from "./tfjs.js";

export const first = () => logits("cpu");
