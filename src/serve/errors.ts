import { QuadlaneError } from "../errors.js";

const STATUS = {
  BAD_REQUEST: 400,
  QUEUE_FULL: 503,
  QUEUE_TIMEOUT: 503,
  CLOSED: 503,
  RUN_TIMEOUT: 504,
  WORKER_DIED: 500,
  MODEL_FAILED: 500,
} as const;

export type ServeErrorCode = keyof typeof STATUS;

/**
 * A request that got no result. `code` tells why, `statusCode` is the HTTP status that fits; servers such as Fastify answer with it by themselves.
 * BAD_REQUEST (400): the inputs do not fit the model. QUEUE_FULL, QUEUE_TIMEOUT, CLOSED (503): too much to do, or the pool closes; later or
 * elsewhere it may work. RUN_TIMEOUT (504): the run took too long and its worker was ended. WORKER_DIED (500): twice. MODEL_FAILED (500): the model threw.
 */
export class ServeError extends QuadlaneError {
  readonly code: ServeErrorCode;
  readonly statusCode: number;
  constructor(code: ServeErrorCode, message: string) {
    super("ModelPool", message);
    this.code = code;
    this.statusCode = STATUS[code];
  }
}
