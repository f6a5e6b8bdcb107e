// Shortcuts: `data-key="r"` on a link, button or field, named in `data-key-label` or by its text.
// `?` shows them. Letters count only outside of fields, Escape leaves a field.

function isTyping(place: Element | null): boolean {
  return place?.matches("input,textarea,select,[contenteditable=true]") ?? false;
}

function shown(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>("[data-key]")].filter(
    (place) => place.getClientRects().length > 0,
  );
}

function labelOf(place: HTMLElement): string {
  return place.dataset["keyLabel"] ?? place.getAttribute("aria-label") ?? place.textContent?.trim() ?? "";
}

function fill(list: Element): void {
  list.replaceChildren();
  const rows = [["?", "显示快捷键"], ...shown().map((place) => [place.dataset["key"] ?? "", labelOf(place)])];
  for (const [key, label] of rows) {
    const term = document.createElement("dt");
    const press = document.createElement("kbd");
    press.textContent = key ?? "";
    term.append(press);
    const meaning = document.createElement("dd");
    meaning.textContent = label ?? "";
    list.append(term, meaning);
  }
}

export function startKeys(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#keys-dialog");
  const list = dialog?.querySelector("dl");
  document.addEventListener("click", (event) => {
    if (list && (event.target as Element).closest("[data-open=keys-dialog]")) fill(list);
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    const place = document.activeElement;
    if (isTyping(place)) {
      if (event.key === "Escape") (place as HTMLElement).blur();
      return;
    }
    if (document.querySelector("dialog[open]")) return;
    if (event.key === "?" && dialog && list) {
      fill(list);
      dialog.showModal();
      return;
    }
    const found = shown().find((element) => element.dataset["key"] === event.key);
    if (!found) return;
    event.preventDefault();
    if (isTyping(found)) found.focus();
    else found.click();
  });
}
