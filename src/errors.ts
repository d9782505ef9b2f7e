/** Base of every error that this library throws on purpose; `op` names the operation or file format that refused. */
export class QuadlaneError extends Error {
  readonly op: string;
  constructor(op: string, message: string) {
    super(`${op}: ${message}`);
    this.name = new.target.name;
    this.op = op;
  }
}

/** Shapes, sizes or dimensions that do not fit the operation. */
export class ShapeError extends QuadlaneError {}

/** A dtype that the operation does not take. */
export class DTypeError extends QuadlaneError {}

/** An argument or option outside its range, of the wrong kind, or with an unknown name. */
export class ArgumentError extends QuadlaneError {}

/** Memory: use after free, freeing twice, no more memory. */
export class ArenaError extends QuadlaneError {}

/** The autograd tape was asked for something it cannot give. */
export class AutogradError extends QuadlaneError {}

/** A file or byte string that does not follow its format; nothing was loaded from it. */
export class FormatError extends QuadlaneError {}

/** A file or folder that cannot be read or written: a full disk, a missing folder and the like. */
export class FileError extends QuadlaneError {
  readonly path: string;
  /** The system's code, as "ENOSPC" for a full disk or "ENOENT" for a missing folder; null if the system had no part in it. */
  readonly code: string | null;
  constructor(op: string, message: string, where: { path: string; code?: string | null; cause?: unknown }) {
    super(op, message);
    this.path = where.path;
    this.code = where.code ?? null;
    if (where.cause !== undefined) this.cause = where.cause;
  }
}

/** A state dict that does not fit its module or optimizer; nothing was changed. */
export class StateDictError extends QuadlaneError {
  readonly missing: readonly string[];
  readonly unexpected: readonly string[];
  readonly mismatched: readonly string[];
  constructor(
    op: string,
    message: string,
    keys: { missing: readonly string[]; unexpected: readonly string[]; mismatched: readonly string[] },
  ) {
    super(op, message);
    this.missing = keys.missing;
    this.unexpected = keys.unexpected;
    this.mismatched = keys.mismatched;
  }
}

/** The library is not ready or cannot run as asked on this platform. */
export class RuntimeError extends QuadlaneError {}

/** What a model asks of an operator that the library does not have. */
export interface UnsupportedOperator {
  readonly opType: string;
  /** "" for ONNX's own operators. */
  readonly domain: string;
  /** Version of the domain's operator set that the model imports. */
  readonly version: number;
  /** Name of the node, or of its first output. */
  readonly node: string;
  /** The attribute that is not known; null if it is the operator. */
  readonly attribute: string | null;
}

/** A model that uses operators, or attributes of them, that the library does not have: all of them are listed. */
export class UnsupportedOperatorError extends QuadlaneError {
  readonly operators: readonly UnsupportedOperator[];
  constructor(op: string, operators: readonly UnsupportedOperator[]) {
    const lines = operators.map(({ opType, domain, version, node, attribute }) => {
      const where = `${opType} (domain "${domain === "" ? "ai.onnx" : domain}", version ${version}) at node "${node}"`;
      return attribute === null ? where : `attribute "${attribute}" of ${where}`;
    });
    super(op, `not supported: ${lines.join("; ")}`);
    this.operators = operators;
  }
}
