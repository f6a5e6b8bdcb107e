// The deliverer's phone page: starts its parts, then sends and fetches.
import { startChange } from "./change";
import { startChanges } from "./changes";
import { startHandover } from "./handover";
import { find, startToast } from "./html";
import { startLogin } from "./login";
import { startMe } from "./me";
import { startOrder } from "./order";
import { startQuiet } from "./quiet";
import { startRecords } from "./records";
import { startRoute } from "./route";
import { load } from "./state";
import { startStop } from "./stop";
import { pullMonth, startSync, sync } from "./sync";
import { startUpdates } from "./update";

const VIEWS = ["route", "handover", "order", "me"];

function showView(): void {
  const wanted = location.hash.slice(1);
  const view = VIEWS.includes(wanted) ? wanted : "route";
  for (const section of document.querySelectorAll<HTMLElement>("[data-view]")) {
    section.hidden = section.dataset["view"] !== view;
  }
  for (const link of document.querySelectorAll(".tabs a")) {
    if (link.getAttribute("href") === `#${view}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  scrollTo(0, 0);
}

const SECOND_TAP_MS = 500;
const SAME_PLACE_PX = 30;

/** The second tap of a double one, whose first closed a sheet, must not hit what lies below it. */
function swallowSecondTaps(): void {
  let last: { at: number; x: number; y: number; sheet: HTMLDialogElement } | undefined;
  document.addEventListener(
    "click",
    (event) => {
      const isSecond =
        last !== undefined &&
        !last.sheet.open &&
        Date.now() - last.at < SECOND_TAP_MS &&
        Math.hypot(event.clientX - last.x, event.clientY - last.y) < SAME_PLACE_PX;
      const sheet = (event.target as Element).closest("dialog");
      last = sheet ? { at: Date.now(), x: event.clientX, y: event.clientY, sheet } : undefined;
      if (!isSecond) return;
      event.preventDefault();
      event.stopPropagation();
    },
    { capture: true },
  );
}

function startDialogs(): void {
  swallowSecondTaps();
  document.addEventListener("click", (event) => {
    const target = event.target as Element;
    const opens = target.closest<HTMLElement>("[data-open]")?.dataset["open"];
    if (opens) find<HTMLDialogElement>(`#${opens}`).showModal();
    if (target.closest("[data-close]")) target.closest("dialog")?.close();
    if (target instanceof HTMLDialogElement && target.id !== "login-dialog") target.close(); // the backdrop
  });
}

async function start(): Promise<void> {
  startToast();
  startDialogs();
  startRoute();
  startStop();
  startChange();
  startChanges();
  startHandover();
  startOrder();
  startQuiet();
  startRecords();
  startMe();
  showView();
  addEventListener("hashchange", showView);
  await load();
  startSync();
  await Promise.all([startUpdates(), sync(true)]);
  startLogin();
  await load();
  if (location.hash === "#me") void pullMonth();
  document.documentElement.dataset["ready"] = "";
}

start().catch(() => {
  find("#no-worker").textContent = "这个浏览器不让本页在手机上保存数据（可能是无痕模式），请换普通窗口打开。";
  find("#no-worker").hidden = false;
});
