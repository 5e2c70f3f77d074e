// Messages to Python. What a hand does goes out at most once a frame of the screen.

/** Sends messages {kind, view, …} of one view; `failed` is called when the kernel is gone. */
export class Outbox {
  constructor(model, view, failed) {
    this.model = model;
    this.view = view;
    this.failed = failed;
    this.waiting = new Map(); // what it is about → message: the newest replaces the one before
    this.asked = 0;
    this.count = 0; // messages may overtake each other on their way: Python drops the older one
  }

  /** Send now. */
  send(kind, content) {
    this.count += 1;
    try {
      this.model.send({ kind, view: this.view, count: this.count, ...content });
    } catch {
      this.failed(); // the comm of a kernel that was restarted throws
    }
  }

  /** Send with the next frame of the screen, unless something newer of the same kind comes. */
  later(kind, content) {
    this.waiting.set(`${kind} ${content.knob ?? ""}`, [kind, content]);
    this.asked ||= requestAnimationFrame(() => this.next());
  }

  next() {
    const [key, [kind, content]] = this.waiting.entries().next().value;
    this.waiting.delete(key);
    this.asked = this.waiting.size ? requestAnimationFrame(() => this.next()) : 0;
    this.send(kind, content);
  }

  /** Send what still waits. */
  flush() {
    cancelAnimationFrame(this.asked);
    this.asked = 0;
    for (const [kind, content] of this.waiting.values()) this.send(kind, content);
    this.waiting.clear();
  }
}
