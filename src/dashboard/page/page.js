// What comes from the log was said in a sandbox: it only ever becomes text, never markup.
"use strict";

const KEPT = 1000; // events in the list; older ones can be asked for again
const FIRST_RUNS = 12;
const byId = (id) => document.getElementById(id);
const filters = byId("filters");
let token = takeToken();
let next = null; // where older events begin
let known = new Set();
let runsShown = FIRST_RUNS;
let asked = 0; // answers to an older question are dropped
let summaryDue = null;

// The token comes behind the #, which no browser sends to a server, and leaves the address at once.
function takeToken() {
  if (/^#[0-9a-f]{64}$/.test(location.hash)) {
    sessionStorage.setItem("token", location.hash.slice(1));
    history.replaceState(null, "", "/");
  }
  return sessionStorage.getItem("token");
}

function make(name, properties, ...children) {
  const node = document.createElement(name);
  const { data, ...rest } = properties || {};
  Object.assign(node, rest);
  Object.assign(node.dataset, data);
  node.append(...children.filter((child) => child !== null && child !== undefined));
  return node;
}

function time(text) {
  return make("time", { dateTime: text, textContent: text.replace("T", " ").replace(/\.\d+Z$/, "Z") });
}

async function ask(path, query) {
  const address = query ? `${path}?${new URLSearchParams(query)}` : path;
  const answer = await fetch(address, { headers: { Authorization: `Bearer ${token}` } });
  if (answer.status === 401) throw new Denied();
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

class Denied extends Error {}

function tell(state, text) {
  byId("state").dataset.state = state;
  if (byId("state").textContent !== text) byId("state").textContent = text;
}

function complain(text) {
  byId("problem").textContent = text || "";
  byId("problem").hidden = !text;
}

// --- counts, rules, runs ---

const NAMES = { runs: "runs", refused: "refused", redacted: "redacted", bypassed: "without sandbox", failed: "failed", unreadable: "unreadable lines", events: "events" };

async function summarise() {
  summaryDue = null;
  const summary = await (await ask("/api/summary")).json();
  complain(summary.problem);
  byId("since").replaceChildren(...(summary.first ? ["since ", time(summary.first)] : []), summary.complete ? "" : " (still reading the log)");
  byId("counts").replaceChildren(...Object.entries(NAMES)
    .filter(([name]) => ["runs", "refused", "events"].includes(name) || summary.counts[name])
    .map(([name, label]) => make("div", { data: { count: name } },
      make("dt", { textContent: label }),
      make("dd", { textContent: (summary.counts[name] || 0).toLocaleString("en") }))));
  showRules(summary.rules);
  showRuns(summary.runs);
  if (!summary.complete) later(500);
}

function later(delay) {
  if (summaryDue === null) summaryDue = setTimeout(() => summarise().catch(failed), delay);
}

function showRules(rules) {
  const box = byId("rules");
  const name = (rule) => JSON.stringify([rule.action, rule.rule, rule.place]);
  const open = new Set([...box.querySelectorAll("details[open]")].map((node) => node.dataset.rule));
  const focus = box.contains(document.activeElement) ? document.activeElement.dataset.key : null;
  box.replaceChildren(...rules.map((rule) => showRule(rule, name(rule), open.has(name(rule)))));
  if (!rules.length) box.append(make("p", { className: "soft", textContent: "Nothing was refused." }));
  if (focus) [...box.querySelectorAll("[data-key]")].find((node) => node.dataset.key === focus)?.focus();
}

function showRule(rule, name, isOpen) {
  const place = [rule.layer, rule.place].filter(Boolean).join(", ");
  const items = rule.asked.map((item) => make("li", {},
    make("code", { textContent: item.what }), " ",
    make("span", { className: "soft", textContent: `${item.count} × in ${item.project}, last ` }, ),
    time(item.last),
    make("div", { className: "soft", textContent: item.why }),
    advice(rule, item, name)));
  if (rule.left_out) items.push(make("li", { className: "soft", textContent: `${rule.left_out} more of other things` }));
  return make("details", { open: isOpen, data: { rule: name } },
    make("summary", { data: { key: name } },
      make("span", { className: "times", textContent: `${rule.count} ×` }),
      make("span", { textContent: rule.action }), make("code", { textContent: rule.rule }),
      make("span", { className: "place", textContent: place }),
      make("span", { className: "soft" }, "last ", time(rule.last))),
    make("ul", {}, ...items));
}

function advice(rule, item, name) {
  if (!item.allow) {
    const why = ["core", "managed"].includes(rule.layer) ? "This rule cannot be cancelled." : "No single command allows this.";
    return make("p", { className: "allow soft", textContent: why });
  }
  const copy = make("button", { type: "button", textContent: "Copy", data: { key: `${name} ${item.what}` } });
  copy.setAttribute("aria-label", `Copy: ${item.allow}`);
  copy.addEventListener("click", async () => {
    await navigator.clipboard.writeText(item.allow);
    copy.textContent = "Copied";
  });
  return make("p", { className: "allow" }, "To allow it, in this project:", make("code", { className: "command", textContent: item.allow }), copy);
}

function showRuns(runs) {
  byId("more-runs").hidden = runs.length <= runsShown;
  byId("runs").replaceChildren(...runs.slice(0, runsShown).map((run) => make("tr", { data: { session: run.session } },
    make("td", {}, time(run.started)),
    make("td", {}, make("code", { textContent: run.command }), run.profile ? make("span", { className: "soft", textContent: ` ${run.profile}` }) : null),
    make("td", { textContent: run.project }),
    make("td", { className: `end ${run.end === null ? "soft" : run.good ? "good" : "bad"}`, textContent: run.end ?? "not yet" }),
    make("td", { className: "number", textContent: run.duration_ms === null ? "" : `${(run.duration_ms / 1000).toFixed(1)} s` }),
    make("td", { className: `number ${run.refused ? "bad" : ""}`, textContent: run.refused }),
    make("td", { className: "number", textContent: run.redacted }))));
  if (!runs.length) byId("runs").append(make("tr", {}, make("td", { colSpan: 7, className: "soft", textContent: "No run yet: aigate exec -- COMMAND" })));
}

// --- events ---

const wanted = () => Object.fromEntries([...new FormData(filters)].map(([name, value]) => [name, value.trim()]));
const identity = (event) => `${event.time} ${event.session} ${event.event} ${event.detail}`;

function row(event, isNew) {
  const session = make("button", { type: "button", className: "session", textContent: event.session.slice(0, 8) });
  session.setAttribute("aria-label", `Only session ${event.session.slice(0, 8)}`);
  session.addEventListener("click", () => { filters.elements.session.value = event.session; load(); });
  return make("li", { className: isNew ? "new" : "", data: { kind: event.event } },
    time(event.time), session, make("span", { className: "kind", textContent: event.event }),
    make("span", { className: "detail", textContent: event.detail }));
}

// The first page that matches; reads on through the log until there is one or the log ends.
async function load(before) {
  const question = ++asked;
  const list = byId("events");
  let count = 0;
  if (!before) { list.replaceChildren(); known = new Set(); next = null; }
  byId("older").hidden = true;
  let place = before || "";
  try {
    do {
      byId("found").textContent = "Looking …";
      const page = await (await ask("/api/events", { ...wanted(), before: place })).json();
      if (question !== asked) return;
      for (const event of page.events) {
        known.add(identity(event));
        list.append(row(event, false));
      }
      count += page.events.length;
      place = next = page.next;
    } while (next && count < 100);
    byId("found").textContent = list.children.length ? `${list.children.length} shown, the latest first` : "No such event.";
    byId("older").hidden = !next;
  } catch (error) { failed(error); }
}

function matches(event) {
  const { kind, session, text } = wanted();
  return (!kind || event.event === kind) && event.session.startsWith(session) && event.detail.toLowerCase().includes(text.toLowerCase());
}

function added(batch) {
  later(1000);
  if (!byId("live").checked) return;
  const list = byId("events");
  for (const event of batch.events) {
    if (!matches(event) || known.has(identity(event))) continue;
    list.prepend(row(event, true));
  }
  while (list.children.length > KEPT) list.lastElementChild.remove();
}

// --- the stream: EventSource cannot send the token, fetch can ---

async function listen() {
  const answer = await ask("/api/stream");
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  for (;;) {
    const { value, done } = await reader.read();
    if (done) throw new Error("the server went away");
    text += value;
    const parts = text.split("\n\n");
    text = parts.pop();
    for (const part of parts) {
      if (part === ": ready") { tell("live", "live"); complain(""); load(); summarise().catch(failed); }
      const data = part.split("\n").find((line) => line.startsWith("data: "));
      if (data) added(JSON.parse(data.slice(6)));
    }
  }
}

function failed(error) {
  if (error instanceof Denied) { token = null; stop(); } else { tell("lost", "not connected"); }
}

function stop() {
  tell("lost", "no token");
  complain("Open the whole address that `aigate serve` printed: this one has no valid token.");
}

async function stay() {
  while (token) {
    try { await listen(); } catch (error) { failed(error); }
    await new Promise((done) => setTimeout(done, 1500));
  }
}

let typing = null;
filters.addEventListener("input", (event) => {
  if (event.target.id === "live") return;
  clearTimeout(typing);
  typing = setTimeout(load, 250);
});
filters.addEventListener("submit", (event) => { event.preventDefault(); load(); });
filters.addEventListener("reset", () => setTimeout(load));
byId("live").addEventListener("change", (event) => { if (event.target.checked) load(); });
byId("older").addEventListener("click", () => load(next));
byId("more-runs").addEventListener("click", () => { runsShown += 50; summarise().catch(failed); });
if (token) stay(); else stop();
