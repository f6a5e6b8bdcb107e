// Times that go on: "5 分钟前", and the time left until something is due. The server gives its own
// clock (which a demo may run faster), so nothing depends on the computer's.

const loaded = Date.now();
const served = Date.parse(document.body.dataset["now"] ?? "") || loaded;
const speed = Number(document.body.dataset["speed"] ?? "1");

/** The server's business time, in milliseconds. */
export function businessNow(): number {
  return served + (Date.now() - loaded) * speed;
}

function relative(milliseconds: number): string {
  const word = milliseconds > 0 ? "后" : "前";
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  if (seconds < 60) return milliseconds <= 0 ? "刚刚" : "马上";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} 分钟${word}`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} 小时${word}`;
  return `${Math.floor(seconds / 86400)} 天${word}`;
}

/** Time left as people read it: "1:05:09", "超时 04:12", "3 天 04:00:00". */
export function timeLeft(milliseconds: number): string {
  const seconds = Math.floor(Math.abs(milliseconds) / 1000);
  const two = (value: number): string => String(value).padStart(2, "0");
  const days = Math.floor(seconds / 86400);
  const hours = Math.floor(seconds / 3600) % 24;
  const rest = `${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`;
  const clock = hours || days ? `${days ? two(hours) : hours}:${rest}` : rest;
  return `${milliseconds < 0 ? "超时 " : ""}${days ? `${days} 天 ` : ""}${clock}`;
}

function tick(): void {
  const now = businessNow();
  for (const place of document.querySelectorAll<HTMLTimeElement>("time[data-relative]")) {
    const text = relative(Date.parse(place.dateTime) - now);
    if (place.textContent !== text) place.textContent = text;
  }
  for (const place of document.querySelectorAll<HTMLTimeElement>("time[data-due]")) {
    const left = Date.parse(place.dateTime) - now;
    const warn = Number(place.dataset["warn"] ?? "30") * 60_000;
    place.textContent = timeLeft(left);
    place.classList.toggle("bad", left < 0);
    place.classList.toggle("warn", left >= 0 && left < warn);
    place.classList.toggle("info", left >= warn);
  }
}

/** Tick once a second, and after each part that comes in. */
export function startClock(): void {
  tick();
  setInterval(tick, 1000);
  document.addEventListener("htmx:after:swap", tick);
}
