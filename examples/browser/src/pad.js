// A square to draw on, by pointer and by keys. It keeps strokes of points from 0 to 1.

/** One press of an arrow key, as a share of the square. */
const STEP = 1 / 40;
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
const clamp = (value) => Math.min(Math.max(value, 0), 1);

export class Pad {
  strokes = [];
  /** The keyboard's pen. */
  #pen = { x: 0.5, y: 0.5, down: false };
  #pressed = new Set();
  /** Whether it is shown: who draws by pointer needs no other pen. */
  #byKeys = false;
  /** The pointer that draws; others are not heard until it leaves. */
  #pointer = null;
  #frame = 0;

  /**
   * @param {HTMLElement} holder what takes the focus; a canvas fills it
   * @param {{ drawn(): void, submitted(): void, cleared(): void, pen(down: boolean): void }} events a stroke has ended; Enter; empty again;
   *   the keyboard's pen was lowered or lifted
   */
  constructor(holder, events) {
    this.holder = holder;
    this.canvas = holder.querySelector("canvas");
    this.events = events;
    holder.addEventListener("pointerdown", (event) => this.#down(event));
    holder.addEventListener("pointermove", (event) => this.#move(event));
    for (const name of ["pointerup", "pointercancel"]) holder.addEventListener(name, (event) => this.#up(event));
    holder.addEventListener("keydown", (event) => this.#key(event));
    holder.addEventListener("keyup", (event) => this.#pressed.delete(event.key));
    holder.addEventListener("focus", () => this.#showPen(holder.matches(":focus-visible")));
    holder.addEventListener("blur", () => {
      this.#pressed.clear();
      this.#showPen(false);
    });
    new ResizeObserver(() => this.draw()).observe(holder);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  clear() {
    this.strokes = [];
    this.#pointer = null;
    this.#lower(false);
    this.draw();
    this.events.cleared();
  }

  #down(event) {
    if (this.#pointer !== null || event.button !== 0) return;
    this.#pointer = event.pointerId;
    this.holder.setPointerCapture(event.pointerId);
    this.#byKeys = false;
    this.#lower(false);
    this.strokes.push([this.#at(event)]);
    this.draw();
  }

  #move(event) {
    if (event.pointerId !== this.#pointer) return;
    // Fast pointers move more often than frames are shown.
    const events = event.getCoalescedEvents();
    this.strokes.at(-1).push(...(events.length > 0 ? events : [event]).map((e) => this.#at(e)));
    this.draw();
  }

  #up(event) {
    if (event.pointerId !== this.#pointer) return;
    this.#pointer = null;
    this.events.drawn();
  }

  #at({ clientX, clientY }) {
    const { left, top, width, height } = this.canvas.getBoundingClientRect();
    return [clamp((clientX - left) / width), clamp((clientY - top) / height)];
  }

  #key(event) {
    if (this.#pointer !== null || event.ctrlKey || event.altKey || event.metaKey) return;
    this.#byKeys = true;
    if (event.key in ARROWS) this.#walk(event.key);
    else if (event.key === " ") this.#lower(!this.#pen.down);
    else if (event.key === "Enter") this.events.submitted();
    else if (event.key === "Escape") this.clear();
    else return;
    event.preventDefault();
  }

  /** One step by all arrows that are held. */
  #walk(key) {
    this.#pressed.add(key);
    for (const held of this.#pressed) {
      this.#pen.x = clamp(this.#pen.x + STEP * ARROWS[held][0]);
      this.#pen.y = clamp(this.#pen.y + STEP * ARROWS[held][1]);
    }
    if (this.#pen.down) this.strokes.at(-1).push([this.#pen.x, this.#pen.y]);
    this.draw();
  }

  #showPen(shown) {
    this.#byKeys = shown;
    this.draw();
  }

  #lower(down) {
    if (down === this.#pen.down) return;
    this.#pen.down = down;
    if (down) this.strokes.push([[this.#pen.x, this.#pen.y]]);
    this.draw();
    this.events.pen(down);
    if (!down && this.strokes.length > 0) this.events.drawn();
  }

  /** Once a frame: pointers and keys come faster. */
  draw() {
    this.#frame ||= requestAnimationFrame(() => {
      this.#frame = 0;
      this.#paint();
    });
  }

  #paint() {
    const { canvas, strokes } = this;
    const side = Math.round(canvas.clientWidth * devicePixelRatio);
    if (canvas.width !== side) canvas.width = canvas.height = side;
    const g = canvas.getContext("2d");
    g.clearRect(0, 0, side, side);
    g.strokeStyle = getComputedStyle(canvas).color;
    g.lineWidth = side / 16;
    g.lineCap = g.lineJoin = "round";
    for (const stroke of strokes) {
      g.beginPath();
      for (const [x, y] of stroke) g.lineTo(x * side, y * side);
      // A line of no length is a dot.
      if (stroke.length === 1) g.lineTo(stroke[0][0] * side, stroke[0][1] * side);
      g.stroke();
    }
    if (!this.#byKeys) return;
    g.lineWidth = side / 160;
    g.beginPath();
    g.arc(this.#pen.x * side, this.#pen.y * side, side / (this.#pen.down ? 32 : 22), 0, 7);
    g.stroke();
  }
}
