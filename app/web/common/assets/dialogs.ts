// `data-open="id"` opens a dialog, `data-close` closes the one it stands in; an open menu closes
// with Escape and with a click elsewhere.

export function startDialogs(): void {
  document.addEventListener("click", (event) => {
    const clicked = event.target as Element;
    const opener = clicked.closest<HTMLElement>("[data-open]");
    if (opener) {
      opener.closest("details")?.removeAttribute("open");
      document.querySelector<HTMLDialogElement>(`dialog#${opener.dataset["open"]}`)?.showModal();
    }
    if (clicked.closest("[data-close]")) clicked.closest("dialog")?.close();
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      if (!menu.contains(clicked)) menu.open = false;
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    for (const menu of document.querySelectorAll<HTMLDetailsElement>("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary")?.focus();
    }
  });
}
