// What is typed into a form with `data-draft="name"` survives an expired session, a failed request
// and an accidental reload: it is kept in this tab until the server has accepted the form.
import { onHtmx } from "./htmx";
import { announce } from "./toast";

const SENT = "draft-sent";

type Field = HTMLInputElement | HTMLTextAreaElement | HTMLSelectElement;
type Draft = Record<string, string | string[]>;

function keyOf(form: HTMLFormElement): string {
  return `draft:${document.body.dataset["account"] ?? ""}:${form.dataset["draft"] ?? ""}`;
}

function isKept(field: Element): field is Field {
  const type = (field as HTMLInputElement).type;
  // What is agreed to is agreed to anew each time: `data-undrafted`.
  if (field.hasAttribute("data-undrafted")) return false;
  return Boolean((field as Field).name) && !["hidden", "password", "file", "submit"].includes(type);
}

function kept(form: HTMLFormElement): Field[] {
  return [...form.elements].filter(isKept);
}

function isTick(field: Field): field is HTMLInputElement {
  return field.type === "checkbox" || field.type === "radio";
}

function save(form: HTMLFormElement): void {
  const draft: Draft = {};
  for (const field of kept(form)) {
    if (!isTick(field)) {
      draft[field.name] = field.value;
    } else {
      const ticked = (draft[field.name] ??= []) as string[];
      if (field.checked) ticked.push(field.value);
    }
  }
  sessionStorage.setItem(keyOf(form), JSON.stringify(draft));
}

function restore(form: HTMLFormElement): void {
  const text = sessionStorage.getItem(keyOf(form));
  if (text === null) return;
  const draft = JSON.parse(text) as Draft;
  let changed = false;
  for (const field of kept(form)) {
    const value = draft[field.name];
    if (value === undefined) continue;
    if (isTick(field)) {
      const ticked = value.includes(field.value);
      changed ||= field.checked !== ticked;
      field.checked = ticked;
    } else if (typeof value === "string" && field.value !== value) {
      field.value = value;
      changed = true;
    }
  }
  if (changed) tellOf(form);
}

function tellOf(form: HTMLFormElement): void {
  form.querySelector(".draft-note")?.remove();
  const note = document.createElement("p");
  note.className = "draft-note";
  note.append("已恢复您之前填写、尚未提交的内容。");
  const button = document.createElement("button");
  button.type = "button";
  button.className = "btn btn-link btn-sm";
  button.textContent = "清除";
  button.addEventListener("click", () => {
    forget(form);
    form.reset();
    note.remove();
  });
  note.append(button);
  form.prepend(note);
  announce("已恢复您之前填写、尚未提交的内容");
}

function forget(form: HTMLFormElement): void {
  sessionStorage.removeItem(keyOf(form));
  // What was typed before logging in on the same page.
  sessionStorage.removeItem(`draft::${form.dataset["draft"] ?? ""}`);
  form.querySelector(".draft-note")?.remove();
}

/** A form sent as a whole page was accepted when what comes next is neither a login nor an error. */
function settle(): void {
  const sent = sessionStorage.getItem(SENT);
  sessionStorage.removeItem(SENT);
  const { status, page } = document.body.dataset;
  if (sent !== null && page !== "login" && Number(status ?? "200") < 400) {
    sessionStorage.removeItem(sent);
  }
}

function forgetAll(): void {
  for (const key of Object.keys(sessionStorage)) {
    if (key.startsWith("draft")) sessionStorage.removeItem(key);
  }
}

const formOf = (place: EventTarget | null): HTMLFormElement | null =>
  (place as Element | null)?.closest?.<HTMLFormElement>("form[data-draft]") ?? null;

export function startDrafts(): void {
  settle();
  const restoreAll = (): void =>
    document.querySelectorAll<HTMLFormElement>("form[data-draft]").forEach(restore);
  restoreAll();
  document.addEventListener("input", (event) => {
    const form = formOf(event.target);
    if (form) save(form);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.matches("[data-logout]")) forgetAll();
    else if (formOf(form) && !form.matches("[hx-post],[hx-put],[hx-patch]")) {
      sessionStorage.setItem(SENT, keyOf(form));
    }
  });
  onHtmx("after:request", ({ ctx }) => {
    const form = formOf(ctx.sourceElement);
    if (form && ctx.request.method.toUpperCase() !== "GET" && (ctx.response?.status ?? 500) < 400) {
      forget(form);
    }
  });
  document.addEventListener("htmx:after:swap", restoreAll);
}
