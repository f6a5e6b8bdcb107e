// What HTMX 4 tells in its events.

export interface HtmxContext {
  sourceElement: Element;
  text?: string;
  confirm?: string;
  request: { action: string; method: string; headers: Record<string, string> };
  response?: { status: number; headers: Headers };
}

export interface HtmxDetail {
  ctx: HtmxContext;
  issueRequest?: () => void;
  dropRequest?: () => void;
}

/** Listen to one of HTMX's events. */
export function onHtmx(name: string, react: (detail: HtmxDetail, event: Event) => void): void {
  document.addEventListener(`htmx:${name}`, (event) => {
    react((event as CustomEvent<HtmxDetail>).detail, event);
  });
}
