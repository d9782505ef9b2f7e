// An endpoint that reads digits, for any host: what it is sent, and what it answers.

/** Width and height of an image. */
const SIZE = 28;
const PIXELS = SIZE * SIZE;
/** More than any image takes, as JSON with all its digits. */
const MOST_BYTES = 64 * 1024;

const USAGE = `POST /predict with an image of 28 x 28 grey values, white on black:
  application/json          { "pixels": [784 numbers from 0 to 1] } or { "bytes": [784 numbers from 0 to 255] }
  application/octet-stream  784 bytes, or 784 float32, little-endian
It answers { "digit": 7, "probabilities": [ten numbers] }.
`;

/**
 * Answers a request; nothing is thrown.
 * @param {{ method: string, path: string, type?: string | null, length: number | null, read(): Promise<Uint8Array> | Uint8Array }} request
 *   `type` is the header Content-Type; `length` the number of bytes that `read` would give, if it is known
 * @param {(pixels: Float32Array) => Float32Array} logitsOf the network
 * @returns {Promise<{ status: number, type: string, body: string }>}
 */
export async function respond(request, logitsOf) {
  try {
    return await route(request, logitsOf);
  } catch (error) {
    if (error instanceof BadRequest) return json(error.status, { error: error.message });
    // What went wrong is for the log, not for whoever asks.
    console.error(error);
    return json(500, { error: "internal error" });
  }
}

async function route({ method, path, type, length, read }, logitsOf) {
  if (path === "/") {
    checkMethod(method, "GET");
    return { status: 200, type: "text/plain; charset=utf-8", body: USAGE };
  }
  if (path !== "/predict") throw new BadRequest(404, `there is no ${path}; expected / or /predict`);
  checkMethod(method, "POST");
  if (length === null) throw new BadRequest(411, "content-length is missing; expected a body of known length");
  if (length > MOST_BYTES) throw new BadRequest(413, `body has ${length} bytes; expected ${MOST_BYTES} at most`);
  return json(200, answerOf(logitsOf(pixelsOf(type, await read()))));
}

function checkMethod(method, expected) {
  if (method !== expected) throw new BadRequest(405, `method is ${method}; expected ${expected}`);
}

function json(status, value) {
  return { status, type: "application/json", body: JSON.stringify(value) };
}

/** A request that cannot be answered, and the status that says so. */
class BadRequest extends Error {
  constructor(status, message) {
    super(message);
    this.name = "BadRequest";
    this.status = status;
  }
}

/**
 * The image in a request's body, PIXELS grey values from 0 to 1. JSON: `{ "pixels": … }` with values from 0 to 1, or `{ "bytes": … }` from 0 to
 * 255, each a list of 784 numbers or 28 lists of 28. `application/octet-stream`: 784 bytes, or as many float32, little-endian.
 * @param {string | null | undefined} type the header Content-Type
 * @param {Uint8Array} body
 * @returns {Float32Array}
 */
function pixelsOf(type, body) {
  const kind = (type ?? "").split(";")[0].trim().toLowerCase();
  if (kind === "application/octet-stream") return checked(rawValues(body), 1);
  if (kind === "application/json") return jsonPixels(body);
  throw new BadRequest(415, `content type is "${kind}"; expected application/json or application/octet-stream`);
}

function rawValues(body) {
  if (body.length === PIXELS) return Float32Array.from(body, (byte) => byte / 255);
  if (body.length === 4 * PIXELS) {
    const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
    return Float32Array.from({ length: PIXELS }, (_, i) => view.getFloat32(4 * i, true));
  }
  throw new BadRequest(400, `body has ${body.length} bytes; expected ${PIXELS} bytes or ${PIXELS} float32`);
}

function jsonPixels(body) {
  let fields;
  try {
    fields = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new BadRequest(400, `body is no JSON: ${error.message}`);
  }
  const { pixels, bytes, ...others } = fields ?? {};
  if (Object.keys(others).length > 0 || Array.isArray(pixels) === Array.isArray(bytes)) {
    throw new BadRequest(400, 'expected { "pixels": [...] } or { "bytes": [...] }');
  }
  return checked((pixels ?? bytes).flat(), pixels === undefined ? 255 : 1);
}

/** The values, divided by the largest that they may have. */
function checked(values, most) {
  if (values.length !== PIXELS) throw new BadRequest(400, `image has ${values.length} values; expected ${PIXELS}`);
  values.forEach((value, i) => {
    if (typeof value === "number" && value >= 0 && value <= most) return;
    throw new BadRequest(
      400,
      `value ${i} is ${typeof value === "number" ? value : JSON.stringify(value)}; expected a number from 0 to ${most}`,
    );
  });
  return Float32Array.from(values, (value) => value / most);
}

/** What is answered: the likeliest digit, and all ten probabilities, from the network's ten logits. */
function answerOf(logits) {
  const top = Math.max(...logits);
  const powers = Array.from(logits, (logit) => Math.exp(logit - top));
  const sum = powers.reduce((a, b) => a + b);
  return { digit: powers.indexOf(1), probabilities: powers.map((power) => power / sum) };
}
