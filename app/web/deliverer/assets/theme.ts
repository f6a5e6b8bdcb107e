// Before anything is drawn: dark by the phone's wish and before half past six, unless chosen otherwise.
// A classic script, so that no page flashes white at four in the morning.
(() => {
  const DAWN_MINUTES = 390;
  const apply = (): void => {
    const chosen = localStorage.getItem("theme") ?? "auto";
    const now = new Date();
    const early = now.getHours() * 60 + now.getMinutes() < DAWN_MINUTES;
    const dark = chosen === "dark" || (chosen === "auto" && (early || matchMedia("(prefers-color-scheme: dark)").matches));
    document.documentElement.dataset["theme"] = dark ? "dark" : "light";
    document.querySelector("meta[name=theme-color]")?.setAttribute("content", dark ? "#0a1a28" : "#0b4d7c");
  };
  apply();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", apply);
  addEventListener("theme", apply);
  setInterval(apply, 60_000);
})();
