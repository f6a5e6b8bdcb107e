// The service desk: rows by keyboard, a selection that survives refreshing, switches of forms.
import { onHtmx } from "../../common/assets/htmx";
import { startRows } from "../../common/assets/rows";

const REST_MS = 15 * 60_000;
let lastTouch = Date.now();

/** Polling alone does not keep a forgotten desk logged in, and a hidden tab asks for nothing. */
function startPolling(): void {
  for (const name of ["pointerdown", "keydown", "focus"]) {
    window.addEventListener(name, () => (lastTouch = Date.now()), { capture: true, passive: true });
  }
  onHtmx("before:request", ({ ctx }, event) => {
    if (!ctx.sourceElement.matches("[data-poll]")) return;
    if (document.hidden || Date.now() - lastTouch > REST_MS) event.preventDefault();
  });
}

/** `data-choice="kind"` on a form: what stands under `data-when` shows for that choice only. */
function choose(form: HTMLFormElement): void {
  const name = form.dataset["choice"] ?? "";
  const chosen = form.querySelector<HTMLInputElement>(`input[name="${name}"]:checked`)?.value ?? "";
  for (const part of form.querySelectorAll<HTMLElement>("[data-when]")) {
    part.hidden = part.dataset["when"] !== chosen;
    for (const field of part.querySelectorAll<HTMLInputElement>("input,select,textarea")) {
      field.disabled = part.hidden;
    }
  }
}

function showAudience(form: HTMLFormElement): void {
  const internal = form.querySelector<HTMLInputElement>("input[name=audience]:checked")?.value === "internal";
  form.dataset["audience"] = internal ? "internal" : "public";
  const template = form.querySelector<HTMLSelectElement>("select[name=template_id]");
  if (template) template.disabled = internal;
}

function switchForms(): void {
  document.querySelectorAll<HTMLFormElement>("form[data-choice]").forEach(choose);
  document.querySelectorAll<HTMLFormElement>("form[data-audience]").forEach(showAudience);
}

function startSwitches(): void {
  document.addEventListener("input", (event) => {
    const form = (event.target as Element).closest<HTMLFormElement>("form");
    if (form?.matches("[data-choice]")) choose(form);
    if (form?.matches("[data-audience]")) showAudience(form);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
    const field = event.target as Element;
    if (field.matches("textarea")) field.closest("form")?.requestSubmit();
  });
}

/** A template that a kept draft has chosen is shown again. */
function showTemplate(): void {
  const template = document.querySelector<HTMLSelectElement>("select[name=template_id]");
  if (template?.value && !document.querySelector("#template-preview")?.textContent?.trim()) {
    template.dispatchEvent(new Event("change", { bubbles: true }));
  }
}

function settle(): void {
  switchForms();
  showTemplate();
  // Ids stay over a swap: what was done is read aloud and is where the keyboard goes on.
  const done = document.getElementById("ticket-done");
  if (done && done.dataset["told"] === undefined) {
    done.dataset["told"] = "";
    done.focus();
  }
}

/** Of an address that is on file, nothing is typed. */
function showAddress(): void {
  const place = document.querySelector<HTMLElement>("[data-new-address]");
  if (!place) return;
  const chosen = document.querySelector<HTMLInputElement>("input[name=address_id]:checked")?.value;
  place.hidden = chosen !== undefined && chosen !== "new";
  for (const field of place.querySelectorAll<HTMLInputElement>("input,select")) {
    field.disabled = place.hidden;
  }
}

function startOrder(): void {
  const form = document.querySelector<HTMLFormElement>("#order-form");
  if (!form) return;
  const quoteAnew = (): void => void form.dispatchEvent(new Event("change", { bubbles: true }));
  form.addEventListener("change", showAddress);
  document.addEventListener("click", (event) => {
    const remover = (event.target as Element).closest<HTMLElement>("[data-remove]");
    remover?.closest(remover.dataset["remove"] ?? "")?.remove();
    if (remover) quoteAnew();
  });
  onHtmx("after:swap", ({ ctx }) => {
    showAddress();
    if (ctx.request.action.endsWith("/caller")) quoteAnew();
  });
}

/** An address that names a dialog opens it: `…#visit-dialog`. */
function openNamed(): void {
  if (!/^#[a-z-]+-dialog$/.test(location.hash)) return;
  document.querySelector<HTMLDialogElement>(`dialog${location.hash}`)?.showModal();
}

startOrder();
openNamed();
startRows("desk-row");
startPolling();
startSwitches();
switchForms();
window.addEventListener("load", showTemplate);
document.addEventListener("htmx:after:swap", settle);
