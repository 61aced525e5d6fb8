// Refreshes what is on the page when something has happened. Everything works without it.
"use strict";

(() => {
  const dot = document.getElementById("live");
  const PAUSE = 500; // At most two refreshes a second.
  let wanted = false;
  let busy = false;

  const say = (state, text) => {
    if (!dot || dot.dataset.state === state) return;
    dot.hidden = false;
    dot.dataset.state = state;
    dot.textContent = text;
  };

  // What the reader has done to the old part is done to the new one: opened details, what was typed, the focus.
  const keep = (old, fresh) => {
    for (const details of old.querySelectorAll("details[id]")) {
      const other = fresh.querySelector("#" + CSS.escape(details.id));
      if (other) other.open = details.open;
    }
    for (const field of old.querySelectorAll("input[id], select[id], textarea[id]")) {
      const other = fresh.querySelector("#" + CSS.escape(field.id));
      if (!other || other.tagName !== field.tagName) continue;
      if (field.type === "checkbox" || field.type === "radio") other.checked = field.checked;
      else if (field.tagName === "SELECT") {
        if ([...other.options].some((option) => option.value === field.value)) other.value = field.value;
      } else other.value = field.value;
    }
    for (const box of old.querySelectorAll(".scroll, .paper")) {
      const at = [...old.querySelectorAll(".scroll, .paper")].indexOf(box);
      const other = fresh.querySelectorAll(".scroll, .paper")[at];
      if (other) other.dataset.left = box.scrollLeft;
    }
  };

  const place = (part, element) => {
    if (!element || !part.contains(element)) return null;
    const all = [...part.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")];
    return { id: element.id, at: all.indexOf(element), text: element.textContent, caret: element.selectionStart };
  };

  const focus = (part, where) => {
    if (!where) return;
    const all = [...part.querySelectorAll("a, button, input, select, textarea, summary, [tabindex]")];
    const same = all.filter((element) => element.textContent === where.text);
    const next = (where.id && document.getElementById(where.id)) || (same.includes(all[where.at]) ? all[where.at] : same[0]);
    if (next) {
      next.focus({ preventScroll: true });
      if (typeof where.caret === "number" && next.setSelectionRange) next.setSelectionRange(where.caret, where.caret);
      return;
    }
    // It is gone: whoever goes on by keyboard goes on from here.
    part.tabIndex = -1;
    part.focus({ preventScroll: true });
  };

  const refresh = async () => {
    if (busy || !wanted || document.hidden) return;
    busy = true;
    wanted = false;
    try {
      const answer = await fetch(location.href, { headers: { "x-refresh": "1", accept: "text/html" }, credentials: "same-origin" });
      if (answer.redirected && new URL(answer.url).pathname === "/login") {
        location.reload();
        return;
      }
      if (answer.ok) {
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        for (const old of document.querySelectorAll("[data-live]")) {
          const fresh = page.getElementById(old.id);
          if (!fresh || fresh.innerHTML === old.innerHTML) continue;
          keep(old, fresh);
          const where = place(old, document.activeElement);
          old.replaceChildren(...fresh.childNodes);
          for (const box of old.querySelectorAll("[data-left]")) {
            box.scrollLeft = Number(box.dataset.left);
            box.removeAttribute("data-left");
          }
          focus(old, where);
          dress(old);
        }
      }
    } catch {
      say("off", "disconnected");
    } finally {
      setTimeout(() => {
        busy = false;
        refresh();
      }, PAUSE);
    }
  };

  const happened = () => {
    wanted = true;
    refresh();
  };

  // Buttons that only a script can serve.
  const dress = (part) => {
    for (const button of part.querySelectorAll("[data-copy]")) {
      button.hidden = !navigator.clipboard;
    }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (!button) return;
    const from = document.getElementById(button.dataset.copy);
    if (!from) return;
    await navigator.clipboard.writeText(from.textContent);
    const label = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = label), 1500);
  });

  // A browser gives a server six connections: a tab that nobody looks at keeps none.
  let stream = null;

  const leave = () => {
    if (stream) stream.close();
    stream = null;
  };

  const listen = () => {
    if (stream || document.hidden) return;
    stream = new EventSource("/api/v1/stream");
    stream.onopen = () => {
      say("on", "live");
      happened();
    };
    stream.onerror = () => {
      say("off", "disconnected");
      // One that is closed for good does not come back by itself.
      if (stream && stream.readyState === EventSource.CLOSED) {
        leave();
        setTimeout(listen, 5000);
      }
    };
    for (const kind of ["journey", "event", "delivery", "attempt", "mail", "clock", "config", "missed"]) {
      stream.addEventListener(kind, happened);
    }
  };

  const attend = () => {
    document.addEventListener("visibilitychange", () => (document.hidden ? leave() : listen()));
    addEventListener("pagehide", leave);
    addEventListener("pageshow", (event) => {
      if (event.persisted) location.reload();
    });
    listen();
  };

  // Rates fall and instants pass while nothing happens.
  setInterval(happened, 10000);
  for (const paper of document.querySelectorAll(".paper")) {
    const lit = paper.querySelector(".place.here");
    if (lit) paper.scrollLeft += lit.getBoundingClientRect().left - paper.getBoundingClientRect().left - 40;
  }
  dress(document);
  if (document.querySelector("[data-live]")) attend();
})();
