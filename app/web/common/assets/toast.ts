// A short word about what has happened; read aloud, and gone after a while.

const SHOWN_MS = 6000;

/** Say something; kind: ok, bad, info. */
export function toast(text: string, kind: "ok" | "bad" | "info" = "info"): void {
  const place = document.getElementById("toasts");
  if (!place) return;
  const note = document.createElement("p");
  note.className = `toast-note ${kind}`;
  note.textContent = text;
  place.append(note);
  // A modal dialog covers the rest of the page: the note is lifted to the same layer.
  if ("popover" in place && !place.matches(":popover-open")) {
    place.popover = "manual";
    place.showPopover();
  }
  setTimeout(() => {
    note.remove();
    if (place.childElementCount === 0 && place.matches(":popover-open")) place.hidePopover();
  }, SHOWN_MS);
}

/** Tell a screen reader without showing anything. */
export function announce(text: string): void {
  const place = document.getElementById("announcer");
  if (place) place.textContent = text;
}
