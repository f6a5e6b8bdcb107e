// The list of doors without milk today, and the way from there to a change asked for at one of them.
import { openChange } from "./change";
import { needLogin } from "./changes";
import { day, find, html, show, type Markup } from "./html";
import { pullResting, restingDoors, type RestingDoor } from "./resting";
import { LoginNeeded } from "./session";
import { state, today } from "./state";
import { buildingText } from "./stops";

let said = "";

const dialog = (): HTMLDialogElement => find<HTMLDialogElement>("#resting-dialog");
const search = (): HTMLInputElement => find<HTMLInputElement>("#resting-search");

function matches(one: RestingDoor): boolean {
  const text = `${buildingText(one)} ${one.door ?? ""} ${one.recipient ?? ""} ${one.phone ?? ""}`.toLowerCase();
  return search().value.trim().toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

function item(one: RestingDoor): Markup {
  return html`<li data-resting="${one.stop}"><div><b>${buildingText(one)} ${one.door ?? ""}</b><span>${one.recipient ?? ""}${one.phone ? ` · ${one.phone}` : ""}</span>
    ${one.lines.map((line) => html`<small>${line.product} · ${line.next_date ? `下次 ${day(line.next_date)}` : "停奶中"}</small>`)}</div>
    <button type="button" class="button small" data-change-at>代记变更</button></li>`;
}

/** Doors that have a stop today are on the route, with all their lines in its sheet. */
function quiet(): RestingDoor[] {
  const rounds = state.kept?.book.rounds.filter((round) => round.service_date === today()) ?? [];
  const due = new Set(rounds.flatMap((round) => round.items.map((one) => one.stop)));
  return restingDoors().filter((one) => !due.has(one.stop));
}

function render(): void {
  const found = quiet().filter(matches);
  find("#resting-summary").textContent = said || (found.length ? `${found.length} 户，订单还在送` : "没有找到");
  show(find("#resting"), html`${found.map(item)}`);
}

async function open(): Promise<void> {
  search().value = "";
  said = "正在读取…";
  render();
  dialog().showModal();
  try {
    await pullResting(true);
    said = "";
  } catch (error) {
    if (error instanceof LoginNeeded) needLogin();
    said = "没有网络";
  }
  render();
}

/** Let the list work. */
export function startQuiet(): void {
  document.addEventListener("click", (event) => {
    if ((event.target as Element).closest("[data-quiet]")) void open();
  });
  search().addEventListener("input", render);
  find("#resting").addEventListener("click", (event) => {
    const target = event.target as Element;
    const id = target.closest("[data-change-at]") && target.closest<HTMLElement>("[data-resting]")?.dataset["resting"];
    const door = restingDoors().find((one) => one.stop === id);
    if (!door) return;
    dialog().close();
    void openChange({ id: door.stop, building: buildingText(door), door: door.door ?? "", recipient: door.recipient ?? "", lines: [] });
  });
}
