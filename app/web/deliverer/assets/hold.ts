// Press and hold: a ring closes in 0.6 seconds. A touch in a pocket does nothing; so does scrolling.
// By keyboard the same with Enter or the space bar; whoever cannot hold (a click without a press, as
// screen readers make it) is asked by `otherwise`.

const HOLD_MS = 600;
const FAR_PX = 14;
const CLICK_MS = 100;

/** Let every `[data-hold]` inside a place call `done` when it was held. */
export function onHold(
  place: HTMLElement,
  act: { done: (button: HTMLElement) => void; short: (button: HTMLElement) => void; otherwise: (button: HTMLElement) => void },
): void {
  let held: HTMLElement | undefined;
  let timer = 0;
  let from = { x: 0, y: 0 };
  let pressed = false;

  const buttonOf = (event: Event): HTMLElement | null => (event.target as Element).closest<HTMLElement>("[data-hold]");
  const begin = (button: HTMLElement): void => {
    release();
    held = button;
    pressed = true;
    button.classList.add("holding");
    timer = window.setTimeout(() => {
      release();
      navigator.vibrate?.(40);
      act.done(button);
    }, HOLD_MS);
  };
  const release = (): HTMLElement | undefined => {
    clearTimeout(timer);
    const before = held;
    before?.classList.remove("holding");
    held = undefined;
    return before;
  };

  // A press lasts until the finger is lifted, and its click comes right after: on whatever card lies
  // there by then. Only a click without a press is somebody's who cannot hold.
  for (const kind of ["pointerup", "pointercancel", "keyup"]) {
    document.addEventListener(kind, () => setTimeout(() => (pressed = held !== undefined), CLICK_MS), { capture: true });
  }
  place.addEventListener("pointerdown", (event) => {
    const button = buttonOf(event);
    if (!button || event.button !== 0) return;
    from = { x: event.clientX, y: event.clientY };
    begin(button);
  });
  place.addEventListener("pointermove", (event) => {
    if (held && Math.hypot(event.clientX - from.x, event.clientY - from.y) > FAR_PX) release();
  });
  for (const kind of ["pointercancel", "pointerleave"] as const) place.addEventListener(kind, release);
  place.addEventListener("pointerup", () => {
    const early = release();
    if (early) act.short(early);
  });
  place.addEventListener("contextmenu", (event) => {
    if (buttonOf(event)) event.preventDefault();
  });
  place.addEventListener("keydown", (event) => {
    const button = buttonOf(event);
    if (!button || (event.key !== "Enter" && event.key !== " ")) return;
    event.preventDefault();
    if (!event.repeat) begin(button);
  });
  place.addEventListener("keyup", (event) => {
    if (event.key !== "Enter" && event.key !== " ") return;
    const early = release();
    if (early) act.short(early);
  });
  place.addEventListener("focusout", release);
  place.addEventListener(
    "click",
    (event) => {
      const button = buttonOf(event);
      if (!pressed && !button) return;
      event.preventDefault();
      event.stopPropagation();
      if (!pressed && button) act.otherwise(button);
    },
    { capture: true },
  );
}
