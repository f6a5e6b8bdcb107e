// Lists by keyboard: `data-row` on each row, `data-move="1"` and `-1` on the buttons that go on and
// back. The row chosen last stays chosen when the list comes anew.

let kept = "";
let selected = "";
let position = -1;

const rows = (): HTMLElement[] => [...document.querySelectorAll<HTMLElement>("[data-row]")];

function mark(): void {
  for (const row of rows()) {
    if (row.id === selected) row.dataset["selected"] = "";
    else delete row.dataset["selected"];
  }
}

function select(row: HTMLElement | undefined, focus: boolean): void {
  if (!row) return;
  selected = row.id;
  sessionStorage.setItem(kept, selected);
  position = rows().indexOf(row);
  mark();
  if (focus) row.focus();
}

/** The row chosen last stays chosen; one that has left the list hands on to what took its place. */
function keepSelection(): void {
  const found = rows();
  for (const place of document.querySelectorAll<HTMLElement>("[data-row-keys]")) {
    place.hidden = found.length === 0;
  }
  if (selected === "" || found.length === 0) return;
  const same = found.find((row) => row.id === selected);
  if (!same && position < 0) return;
  const wasFocused = document.activeElement === document.body;
  select(same ?? found[Math.min(position, found.length - 1)], wasFocused);
}

/** Enter on a row that is no link opens the first thing to be done in it. */
function openRow(event: KeyboardEvent): void {
  const row = event.target as HTMLElement;
  if (event.key !== "Enter" || !row.matches("[data-row]") || row.matches("a")) return;
  const place = row.querySelector<HTMLElement>("summary, button") ?? row.querySelector("a");
  if (!place) return;
  event.preventDefault();
  place.focus();
  place.click();
}

/** Follow the rows of this page; `name` keeps their selection apart from other lists'. */
export function startRows(name: string): void {
  kept = name;
  selected = sessionStorage.getItem(kept) ?? "";
  document.addEventListener("click", (event) => {
    const mover = (event.target as Element).closest<HTMLElement>("[data-move]");
    if (!mover) return;
    const found = rows();
    const at = found.findIndex((row) => row.id === selected);
    const next = at < 0 ? 0 : at + Number(mover.dataset["move"]);
    select(found[Math.max(0, Math.min(next, found.length - 1))], true);
  });
  document.addEventListener("focusin", (event) => {
    const row = (event.target as Element).closest<HTMLElement>("[data-row]");
    if (row) select(row, false);
  });
  document.addEventListener("keydown", openRow);
  keepSelection();
  document.addEventListener("htmx:after:swap", keepSelection);
}
