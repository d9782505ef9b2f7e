/** Pairs of numbers, of which the smallest is taken first: by the first number, then by the second. */
export class PairHeap {
  private readonly first: number[] = [];
  private readonly second: number[] = [];

  get size(): number {
    return this.first.length;
  }

  push(a: number, b: number): void {
    let at = this.first.length;
    this.first.push(a);
    this.second.push(b);
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.before(at, parent)) return;
      this.swap(at, parent);
      at = parent;
    }
  }

  /** Takes the smallest pair out. The heap must not be empty. */
  pop(): [a: number, b: number] {
    const top: [number, number] = [this.first[0]!, this.second[0]!];
    this.swap(0, this.first.length - 1);
    this.first.pop();
    this.second.pop();
    let at = 0;
    for (;;) {
      let least = at;
      for (const child of [2 * at + 1, 2 * at + 2]) {
        if (child < this.first.length && this.before(child, least)) least = child;
      }
      if (least === at) return top;
      this.swap(at, least);
      at = least;
    }
  }

  private before(i: number, j: number): boolean {
    const order = this.first[i]! - this.first[j]!;
    return order < 0 || (order === 0 && this.second[i]! < this.second[j]!);
  }

  private swap(i: number, j: number): void {
    const [a, b] = [this.first[i]!, this.second[i]!];
    this.first[i] = this.first[j]!;
    this.second[i] = this.second[j]!;
    this.first[j] = a;
    this.second[j] = b;
  }
}
