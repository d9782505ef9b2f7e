// A data set with getBatch, made asynchronously.
import { data, Generator } from "quadlane";

export default async ({ count }) => data.drawDigits(count, { generator: new Generator(5) });
