/// <reference lib="esnext.disposable" preserve="true" />
/** Something that a scope can own: a tensor. `scope` is its present owner, null outside every scope. */
export interface Owned {
  scope: Scope | null;
  readonly disposed: boolean;
  dispose(): void;
}

/** Below this many entries a scope does not look for dead ones. */
const COMPACT_FROM = 1024;

/** Runtimes without explicit resource management still get a key under which `using` helpers of transpilers look. */
const disposeSymbol: typeof Symbol.dispose = Symbol.dispose ?? Symbol.for("Symbol.dispose");

let innermost: Scope | null = null;

/** Owns what is created while it is the innermost open scope, and frees it when it closes. */
export class Scope {
  private members: Owned[] = [];
  private compactAt = COMPACT_FROM;
  private parent: Scope | null;
  private open = true;

  constructor() {
    this.parent = innermost;
    innermost = this;
  }

  /** Takes ownership, away from the present owner if there is one. */
  add(member: Owned): void {
    member.scope = this;
    if (this.members.length >= this.compactAt) {
      this.members = this.members.filter((m) => m.scope === this && !m.disposed);
      this.compactAt = Math.max(COMPACT_FROM, 2 * this.members.length);
    }
    this.members.push(member);
  }

  /** Frees every member and lets the enclosing scope be the innermost again. Closing twice does nothing. */
  close(): void {
    if (!this.open) return;
    this.open = false;
    while (innermost !== null && !innermost.open) innermost = innermost.parent;
    for (const member of this.members) {
      if (member.scope === this) member.dispose();
    }
    this.members = [];
  }

  /** The nearest scope around this one that is still open. */
  get enclosing(): Scope | null {
    let s = this.parent;
    while (s !== null && !s.open) s = s.parent;
    return s;
  }

  /** This scope if it is open, else the nearest around it. */
  get nearestOpen(): Scope | null {
    return this.open ? this : this.enclosing;
  }

  [disposeSymbol](): void {
    this.close();
  }
}

/** The scope that owns what is created now; null if none is open. */
export function currentScope(): Scope | null {
  return innermost;
}

/** Runs `fn` with no scope open: what it creates lives until it is disposed or collected. */
export function unscoped<R>(fn: () => R): R {
  const saved = innermost;
  innermost = null;
  try {
    return fn();
  } finally {
    innermost = saved;
  }
}

/**
 * Sets the open scopes aside before an await, so that they do not own what other code creates meanwhile. Returns what brings them back.
 */
export function setScopesAside(): () => void {
  const saved = innermost;
  innermost = null;
  return () => {
    innermost = saved?.nearestOpen ?? null;
  };
}
