// Asking before something that cannot be taken back: `data-confirm="…"` on a form or button,
// `hx-confirm="…"` on what HTMX sends.
import { onHtmx } from "./htmx";

/** Ask; true when the person says yes. */
export function confirmed(text: string): Promise<boolean> {
  const dialog = document.querySelector<HTMLDialogElement>("#confirm-dialog");
  const place = dialog?.querySelector("#confirm-text");
  if (!dialog || !place) return Promise.resolve(window.confirm(text));
  place.textContent = text;
  dialog.returnValue = "";
  dialog.showModal();
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => resolve(dialog.returnValue === "yes"), { once: true });
  });
}

export function startConfirming(): void {
  const agreed = new WeakSet<HTMLFormElement>();
  document.addEventListener(
    "submit",
    (event) => {
      const form = event.target as HTMLFormElement;
      const button = (event as SubmitEvent).submitter;
      const text = button?.dataset["confirm"] ?? form.dataset["confirm"];
      if (!text || agreed.delete(form)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      void confirmed(text).then((yes) => {
        if (!yes) return;
        agreed.add(form);
        form.requestSubmit(button);
      });
    },
    true,
  );
  onHtmx("confirm", (detail, event) => {
    event.preventDefault();
    void confirmed(detail.ctx.confirm ?? "").then((yes) =>
      yes ? detail.issueRequest?.() : detail.dropRequest?.(),
    );
  });
}
