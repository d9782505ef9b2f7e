import * as ort from "onnxruntime-node";
import { logits } from "./onnxruntime.js";

export const first = ({ model }) => logits(ort, "cpu", model);
