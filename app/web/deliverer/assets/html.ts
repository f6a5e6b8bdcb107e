// Small helpers of the page: markup that escapes, icons, words.

class Markup {
  constructor(readonly text: string) {}
}
export type { Markup };
type Part = string | number | boolean | null | undefined | Markup | Part[];

const ESCAPES: Record<string, string> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

function textOf(part: Part): string {
  if (Array.isArray(part)) return part.map(textOf).join("");
  if (part instanceof Markup) return part.text;
  if (part === null || part === undefined || part === false || part === true) return "";
  return String(part).replace(/[&<>"']/g, (letter) => ESCAPES[letter] ?? "");
}

/** Markup of a template; whatever is put in is escaped, unless it is markup itself. */
export function html(texts: TemplateStringsArray, ...parts: Part[]): Markup {
  return new Markup(texts.reduce((whole, text, place) => whole + textOf(parts[place - 1]) + text));
}

/** Put markup into a place; untouched where it is the same, so that focus stays. */
export function show(place: HTMLElement, markup: Markup): void {
  if (shown.get(place) === markup.text) return;
  shown.set(place, markup.text);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["focus"] : undefined;
  place.innerHTML = markup.text;
  if (focused) place.querySelector<HTMLElement>(`[data-focus="${focused}"]`)?.focus({ preventScroll: true });
}
const shown = new WeakMap<HTMLElement, string>();

/** Put a list into a place: entries whose markup is the same stay as they are. */
export function showList(place: HTMLElement, entries: { key: string; markup: Markup }[]): void {
  shown.delete(place);
  const focused = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["focus"] : undefined;
  const before = new Map([...place.children].map((child) => [(child as HTMLElement).dataset["key"], child as HTMLElement]));
  const wanted = entries.map(({ key, markup }) => {
    const known = before.get(key);
    if (known && shown.get(known) === markup.text) return known;
    const fresh = document.createElement("div");
    fresh.dataset["key"] = key;
    show(fresh, markup);
    return fresh;
  });
  const kept = new Set(wanted);
  for (const child of [...place.children]) if (!kept.has(child as HTMLElement)) child.remove();
  let next = place.firstChild;
  for (const child of wanted) {
    if (child === next) next = child.nextSibling;
    else place.insertBefore(child, next);
  }
  if (focused && !document.activeElement?.matches("[data-focus]")) {
    place.querySelector<HTMLElement>(`[data-focus="${focused}"]`)?.focus({ preventScroll: true });
  }
}

/** An icon of the sprite. */
export function icon(name: string): Markup {
  return html`<svg class="icon" aria-hidden="true"><use href="${document.body.dataset["sprite"]}#${name}"></use></svg>`;
}

/** An element that is there. */
export function find<T extends HTMLElement = HTMLElement>(selector: string, within: ParentNode = document): T {
  const found = within.querySelector<T>(selector);
  if (!found) throw new Error(`nothing is ${selector}`);
  return found;
}

/** Fen as yuan. */
export function yuan(fen: number): string {
  return `¥${(fen / 100).toFixed(2)}`;
}

/** 05:41 of an instant. */
export function clock(at: string | number): string {
  return new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", hour12: false }).format(
    new Date(at),
  );
}

/** 3月16日 周一. */
export function day(date: string): string {
  return new Intl.DateTimeFormat("zh-CN", { timeZone: "UTC", month: "long", day: "numeric", weekday: "short" }).format(
    new Date(`${date}T00:00:00Z`),
  );
}

/** How long ago, in words. */
export function ago(milliseconds: number): string {
  const minutes = Math.floor((Date.now() - milliseconds) / 60_000);
  if (minutes < 1) return "刚刚";
  if (minutes < 60) return `${minutes} 分钟前`;
  return minutes < 1440 ? `${Math.floor(minutes / 60)} 小时前` : `${Math.floor(minutes / 1440)} 天前`;
}

let undoing: (() => void) | undefined;
let timer = 0;

/** Say something for a while; with an action, its button stands beside. */
export function toast(text: string, kind: "ok" | "bad" | "" = "", action?: { label: string; run: () => void; ms: number }): void {
  const place = find("#toast");
  clearTimeout(timer);
  place.className = `toast ${kind}`;
  find("#toast-text").textContent = text;
  const button = find<HTMLButtonElement>("#toast-action");
  button.hidden = !action;
  button.textContent = action?.label ?? "";
  undoing = action?.run;
  place.hidden = false;
  timer = window.setTimeout(hideToast, action?.ms ?? 3500);
}

function hideToast(): void {
  find("#toast").hidden = true;
  undoing = undefined;
}

/** Let the toast's button work. */
export function startToast(): void {
  find("#toast-action").addEventListener("click", () => {
    const run = undoing;
    hideToast();
    run?.();
  });
}
