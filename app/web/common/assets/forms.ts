// A second click on a button that is already sending does nothing, and a refusal that names fields
// is told by their labels. `data-instant` on a form: a choice in it counts at once; `data-print` on a
// button prints the page.

function nameFields(): void {
  for (const place of document.querySelectorAll<HTMLElement>("[data-problem] [data-field]")) {
    const name = CSS.escape(place.dataset["field"] ?? "");
    const scope = place.closest("form, dialog, main") ?? document;
    const field =
      scope.querySelector<HTMLInputElement>(`[name="${name}"]:not([type=hidden])`) ??
      document.querySelector<HTMLInputElement>(`main [name="${name}"]:not([type=hidden])`);
    const label = field?.labels?.[0]?.firstChild?.textContent?.trim();
    if (label) place.textContent = label;
  }
}

export function startForms(): void {
  document.addEventListener("submit", (event) => {
    const form = event.target as HTMLFormElement;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.ariaBusy === "true") {
      event.preventDefault();
      return;
    }
    form.ariaBusy = "true";
  });
  document.addEventListener("htmx:after:swap", nameFields);
  document.addEventListener("change", (event) => {
    (event.target as Element).closest<HTMLFormElement>("form[data-instant]")?.requestSubmit();
  });
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-print]")) window.print();
  });
  // The browser's back button brings the page as it was left.
  window.addEventListener("pageshow", () => {
    for (const form of document.querySelectorAll("form[aria-busy]")) form.removeAttribute("aria-busy");
  });
}
