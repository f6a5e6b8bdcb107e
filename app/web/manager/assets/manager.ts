// The morning live: a pill says whether it is, and until when the figures on the page are known.
import { onHtmx } from "../../common/assets/htmx";

const COME_AGAIN_MS = 3000;

const stream = document.querySelector<HTMLElement>("#stream");
const pill = document.querySelector<HTMLElement>("#live");

function say(text: string, kind: "ok" | "warn"): void {
  const place = pill?.querySelector("[data-live-text]");
  if (!pill || !place) return;
  if (place.textContent !== text) place.textContent = text;
  pill.classList.remove("idle", "ok", "warn");
  pill.classList.add(kind);
}

const shown = (): DOMStringMap =>
  document.querySelector<HTMLElement>("#morning [data-as-of]")?.dataset ?? {};

function live(): void {
  say("实时", "ok");
}

function stale(): void {
  say(`数据截至 ${shown()["asOf"] ?? ""}`, "warn");
}

/** Past midnight another morning comes in: its page has another heading, and other blocks. */
function follow(): void {
  live();
  if (shown()["day"] !== stream?.dataset["day"]) location.reload();
}

/** The extension comes again by itself once it was connected; a first try that failed is ours. */
function comeAgain(): void {
  stale();
  setTimeout(() => stream?.dispatchEvent(new Event("reconnect")), COME_AGAIN_MS);
}

function startStream(place: HTMLElement): void {
  place.addEventListener("htmx:sse:after:connection", live);
  place.addEventListener("htmx:sse:after:message", follow);
  place.addEventListener("htmx:sse:before:connection", stale);
  place.addEventListener("htmx:sse:error", stale);
  place.addEventListener("htmx:sse:close", comeAgain);
  place.addEventListener("htmx:error", comeAgain);
  place.addEventListener("htmx:response:error", comeAgain);
  window.addEventListener("offline", stale);
}

if (stream) startStream(stream);

// While a part is on its way, or did not come, it says so instead of standing empty.
onHtmx("response:error", ({ ctx }) => {
  const place = ctx.sourceElement.closest<HTMLElement>("#kpis");
  for (const tile of place?.querySelectorAll(".kpi.loading") ?? []) tile.classList.add("failed");
});
