// A household's pages: sheets, steppers, what shows with a choice, and what goes stale meanwhile.
import { onHtmx } from "../../common/assets/htmx";

/** `data-step` beside a number: one more or one less, within its bounds. */
function startSteppers(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element).closest<HTMLElement>("[data-step]");
    const field = button?.closest("[data-stepper]")?.querySelector("input");
    if (!button || !field) return;
    const least = Number(field.min || "0");
    const most = Number(field.max || "99");
    const next = (Number(field.value) || 0) + Number(button.dataset["step"]);
    field.value = String(Math.min(most, Math.max(least, next)));
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new Event("change", { bubbles: true }));
  });
}

/** `data-shows="#id"` on a radio: what it names is there while it is chosen. */
function showChosen(): void {
  for (const radio of document.querySelectorAll<HTMLInputElement>("input[data-shows]")) {
    const place = document.querySelector<HTMLElement>(radio.dataset["shows"] ?? "");
    if (place) place.hidden = !radio.checked;
  }
  const chosen = document.querySelector<HTMLInputElement>("input[name=address_id]:checked");
  const fresh = document.querySelector<HTMLElement>("[data-new-address]");
  if (fresh && chosen) fresh.hidden = chosen.value !== "new";
  requireDoor(fresh);
}

/** What a new address needs is asked for only while it is written. */
function requireDoor(fresh: HTMLElement | null): void {
  for (const name of ["district", "door", "recipient", "phone"]) {
    const field = fresh?.querySelector<HTMLInputElement>(`[name=${name}]`);
    if (field) field.required = !fresh?.hidden;
  }
}

/** After a code was asked for, its button waits; the code is written next. */
function startCodes(): void {
  onHtmx("after:request", ({ ctx }) => {
    const button = ctx.sourceElement as HTMLButtonElement;
    const seconds = Number(button.dataset["wait"] ?? "0");
    if (!seconds || (ctx.response?.status ?? 500) >= 400) return;
    const label = button.textContent ?? "";
    const until = Date.now() + seconds * 1000;
    button.disabled = true;
    const ticking = setInterval(() => {
      const left = Math.ceil((until - Date.now()) / 1000);
      button.textContent = left > 0 ? `${left} 秒后再取` : label;
      button.disabled = left > 0;
      if (left <= 0) clearInterval(ticking);
    }, 250);
    button.closest("form")?.querySelector<HTMLInputElement>("[name=code]")?.focus();
  });
}

/** A day opens over its month; without a dialog the link leads to its page. */
function startSheets(): void {
  const dialog = document.querySelector<HTMLDialogElement>("#day-dialog");
  document.addEventListener("htmx:after:swap", () => {
    const sheet = dialog?.querySelector("#day-sheet");
    if (dialog && !dialog.open && sheet?.childElementCount) dialog.showModal();
  });
  dialog?.addEventListener("close", () => dialog.querySelector("#day-sheet")?.replaceChildren());
  dialog?.addEventListener("click", (event) => {
    if (event.target === dialog) dialog.close();
  });
}

/** What was shown is no longer true: the agreement or the preview is fetched anew and said so. */
function startFreshness(): void {
  onHtmx("response:error", ({ ctx }) => {
    const text = ctx.text ?? "";
    if (text.includes('data-code="agreement_outdated"')) {
      document.body.dispatchEvent(new Event("agreement-outdated"));
    }
    if (/data-code="preview_(outdated|invalid)"/.test(text)) previewAgain(ctx.sourceElement);
  });
}

function previewAgain(applied: Element): void {
  const place = applied.closest<HTMLElement>(".preview-place");
  if (!place) return;
  const asked = document.querySelector<HTMLFormElement>(
    `form[data-asked="${CSS.escape(place.id)}"]`,
  );
  if (!asked) return;
  const told = (): void => {
    document.removeEventListener("htmx:after:swap", told);
    const note = document.createElement("p");
    note.className = "notice warn";
    note.setAttribute("role", "alert");
    note.textContent = "情况已变化，什么都没有改。请看最新的变化，再确认。";
    place.prepend(note);
  };
  document.addEventListener("htmx:after:swap", told);
  asked.requestSubmit();
}

/** Remember which form asked for the preview that stands in a place; a form changed since asks anew. */
function startPreviews(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    const place = document.querySelector<HTMLElement>(form.getAttribute("hx-target") ?? "#none");
    if (!place?.classList.contains("preview-place")) return;
    document.querySelector(`form[data-asked="${CSS.escape(place.id)}"]`)?.removeAttribute("data-asked");
    form.dataset["asked"] = place.id;
  });
  document.addEventListener("input", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("form[data-asked]");
    if (form) document.getElementById(form.dataset["asked"] ?? "")?.replaceChildren();
  });
  document.addEventListener("htmx:after:swap", () => {
    const fresh = document.querySelector<HTMLElement>(".preview:not([data-seen])");
    if (!fresh) return;
    fresh.dataset["seen"] = "";
    fresh.scrollIntoView({ block: "nearest" });
  });
}

function startOffline(): void {
  const note = document.querySelector<HTMLElement>(".offline");
  const tell = (): void => {
    if (note) note.hidden = navigator.onLine;
  };
  window.addEventListener("online", tell);
  window.addEventListener("offline", tell);
  tell();
}

/** A file comes without a new page: the form that asked for it may be sent again. */
function startDownloads(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (form.matches("[data-download]")) setTimeout(() => form.removeAttribute("aria-busy"), 2000);
  });
}

startSteppers();
startCodes();
startSheets();
startFreshness();
startPreviews();
startOffline();
startDownloads();
document.addEventListener("change", showChosen);
document.addEventListener("htmx:after:swap", showChosen);
showChosen();
