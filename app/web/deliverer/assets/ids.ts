// UUIDv7 made on the phone, before anything is sent: a repeated upload names the same event.

let lastMs = 0;
let counter = 0;

/** A new id; ids of one page sort in the order they were made. */
export function newId(): string {
  const now = Date.now();
  // 12 bits after the version count within a millisecond, so that a later tap never sorts earlier.
  counter = now > lastMs ? 0 : counter + 1;
  lastMs = Math.max(now, lastMs);
  if (counter > 0xfff) {
    lastMs += 1;
    counter = 0;
  }
  // randomUUID needs a secure page; getRandomValues does not.
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  for (let place = 0; place < 6; place++) bytes[place] = Math.floor(lastMs / 2 ** (8 * (5 - place))) & 255;
  bytes[6] = 0x70 | (counter >> 8);
  bytes[7] = counter & 255;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
