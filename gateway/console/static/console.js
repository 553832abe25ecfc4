// What a page can do beyond being read: it asks again when something new is stored, copies lines, and says that it works.
"use strict";

const POLL_MS = 15000;

function refreshParts(fresh) {
  for (const old of document.querySelectorAll("[data-part]")) {
    const now = fresh.querySelector(`[data-part="${CSS.escape(old.dataset.part)}"]`);
    if (!now || old.contains(document.activeElement) || old.querySelector("details[open]")) continue;
    if (old.hasAttribute("data-announce")) announce(old, now);
    else if (old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes);
  }
}

const keys = part => new Map([...part.querySelectorAll("[data-key]")].map(row => [row.dataset.key, row]));

// Rows that are there already change in place; new ones wait until somebody asks for them; those that are gone say so.
function announce(old, now) {
  const [before, after] = [keys(old), keys(now)];
  if (!before.size) {
    if (old.innerHTML !== now.innerHTML) old.replaceChildren(...now.childNodes);
    return;
  }
  let count = 0;
  const waiting = now.cloneNode(true);
  for (const [key, row] of after) {
    const known = before.get(key);
    if (!known) count += 1;
    else {
      known.classList.remove("gone");
      if (known.innerHTML !== row.innerHTML && !known.contains(document.activeElement)) known.replaceChildren(...row.childNodes);
    }
  }
  for (const [key, row] of before) row.classList.toggle("gone", !after.has(key));
  const gone = [...before.keys()].some(key => !after.has(key));
  old.querySelector(".fresh")?.remove();
  if (!count && !gone) return;
  const button = document.createElement("button");
  button.type = "button";
  button.className = "fresh";
  const words = document.querySelector("[data-live]").dataset;
  button.textContent = count ? words.fresh.replace("{count}", count) : words.gone;
  button.addEventListener("click", () => old.replaceChildren(...waiting.childNodes));
  old.prepend(button);
}

class Live {
  constructor(place) {
    this.place = place;
    this.text = place.querySelector("[data-live-text]");
    this.button = place.querySelector("[data-live-switch]");
    this.paused = false;
    this.source = this.timer = null;
    this.asking = this.again = false;
    place.hidden = false;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      this.button.remove();
      this.text.textContent = place.dataset.still;
      return;
    }
    this.button.addEventListener("click", () => { this.paused = !this.paused; this.turn(); });
    document.addEventListener("visibilitychange", () => this.turn());
    addEventListener("pagehide", () => this.close());
    this.poll = setInterval(() => this.reopenAndAsk(), POLL_MS);
    this.turn();
  }

  say(state) {
    this.place.classList.toggle("on", state === "on");
    this.place.classList.toggle("away", state === "away");
    this.text.textContent = this.place.dataset[state];
    this.button.textContent = this.paused ? this.place.dataset.resume : this.place.dataset.pause;
  }

  turn() {
    if (this.paused || document.hidden) {
      this.close();
      this.say("off");
    } else if (!this.source) {
      this.open();
    }
  }

  open() {
    this.say("away");
    this.source = new EventSource(this.place.dataset.live);
    this.source.addEventListener("watching", () => { this.say("on"); this.ask(); });
    this.source.addEventListener("away", () => this.say("away"));
    this.source.addEventListener("webhook", () => this.ask());
    this.source.addEventListener("error", () => this.say("away"));
  }

  // A browser tries again by itself, but not where it was refused.
  reopenAndAsk() {
    if (this.source?.readyState === EventSource.CLOSED) { this.close(); this.open(); }
    if (this.source) this.ask();
  }

  close() {
    this.source?.close();
    this.source = null;
  }

  async ask() {
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    try {
      const answer = await fetch(location.href, {headers: {"X-Refresh": "1"}, credentials: "same-origin"});
      if (answer.status === 401) { location.reload(); return; }
      if (answer.ok && this.source) refreshParts(new DOMParser().parseFromString(await answer.text(), "text/html"));
    } catch {
      this.say("away");
    }
    setTimeout(() => { this.asking = false; if (this.again) { this.again = false; this.ask(); } }, 1000 * this.place.dataset.seconds);
  }
}

// Beside the pointer, what time that was here.
document.addEventListener("pointerover", event => {
  const time = event.target.closest?.("time");
  if (!time || time.dataset.here) return;
  time.dataset.here = "yes";
  time.title += ` · ${new Date(time.dateTime).toLocaleString(document.documentElement.lang)}`;
});

for (const button of document.querySelectorAll("[data-copy]")) {
  if (!navigator.clipboard) break;
  button.hidden = false;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("pre").textContent.trim());
    button.textContent = button.dataset.done;
  });
}

for (const form of document.querySelectorAll("form[data-auto]")) {
  form.addEventListener("change", () => form.requestSubmit());
}

for (const form of document.querySelectorAll("form[data-wait]")) {
  form.addEventListener("submit", () => {
    const button = form.querySelector("button[type=submit]");
    // Later: what is disabled now is not sent.
    setTimeout(() => { button.disabled = true; button.textContent = form.dataset.wait; });
  });
}

const place = document.querySelector("[data-live]");
if (place) new Live(place);
