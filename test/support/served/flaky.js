// A model that cannot be made on some of the attempts, which a shared counter numbers from 1.
import obedient from "./obedient.js";

export default ({ attempts, failing }) => {
  const attempt = Atomics.add(new Int32Array(attempts), 0, 1) + 1;
  if (failing.includes(attempt)) throw new Error(`attempt ${attempt}`);
  return obedient();
};
