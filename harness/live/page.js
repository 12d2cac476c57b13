// The page of a living system: shows what the server tells of it, and sends what its buttons say.
import { ask, element, picture, post } from "./pages.js";

const of = (id) => document.getElementById(id);
const rows = new Map();
const NEWEST = 400;
const MOST_SQUARES = 24;
let words = { unit: ["unit", "units"], marked: "marked" };

function fill(select, values, describe = (value) => value) {
  select.replaceChildren(...values.map((value) => element("option", { value, textContent: describe(value) })));
}

function told(text) { of("told").textContent = text; }

const tell = (action) => action().then(() => told(""), (error) => told(error.message));

function row(file) {
  const seconds = file.ended ? (file.ended - file.uploaded).toFixed(1) : "";
  const progress = file.state === "PROCESSING" && file.parts ? ` ${file.partsDone}/${file.parts}` : "";
  const name = file.result
    ? element("button", { type: "button", className: "link", textContent: file.name, onclick: () => detail(file.key) })
    : file.name;
  return element("tr", {}, element("td", {}, name),
    element("td", { className: file.state, textContent: file.state + progress, title: file.reason }),
    element("td", { className: "number", textContent: file.units || "" }),
    element("td", { className: "number", textContent: file.marked.join(", ") }),
    element("td", { className: "number", textContent: seconds }));
}

function cells(values) {
  return element("tr", {}, ...values.map((value) => element("td", { className: "number" }, value)));
}

function squares(running, warm) {
  const made = element("span", { role: "img", "aria-label": `${running} at work, ${warm} warm` });
  for (let number = 0; number < Math.min(running + warm, MOST_SQUARES); number++) {
    made.append(element("span", { className: number < running ? "busy" : "warm" }));
  }
  return element("span", {}, made, ` ${running + warm}`);
}

function show(update) {
  const reading = update.underway ? `, ${update.underway} ${words.unit[1]} being read` : "";
  const state = update.paused ? "paused" : update.idle ? "nothing to do" : "at work";
  of("clock").textContent = `${update.now.toFixed(1)} s of virtual time, speed ${update.speed}, ${state}${reading}`;
  of("pause").textContent = update.paused ? "Go on" : "Pause";
  for (const name of ["speed", "faults"]) {
    if (document.activeElement !== of(name)) of(name).value = update[name];
  }
  const body = of("files").tBodies[0];
  for (const file of update.files) {
    const made = row(file);
    if (rows.has(file.key)) rows.get(file.key).replaceWith(made); else body.prepend(made);
    rows.set(file.key, made);
  }
  of("counts").textContent = Object.entries(update.counts).map(([name, count]) => `${count} ${name}`).join(", ");
  of("queues").tBodies[0].replaceChildren(...update.queues.map((one) =>
    cells([one.name + (one.dead ? " (dead letters)" : ""), one.waiting, one.inFlight])));
  of("functions").tBodies[0].replaceChildren(...update.functions.map((one) =>
    cells([one.name, squares(one.running, one.warm), one.invocations, one.cold, one.failed, one.throttled])));
  if (update.cost) {
    of("total").textContent = `${update.cost.total.toFixed(6)} ${update.cost.currency}`;
    of("cost").tBodies[0].replaceChildren(...Object.entries(update.cost.services).map(([name, dollars]) =>
      cells([name, dollars.toFixed(6)])));
  }
  for (const line of update.log) {
    of("log").prepend(element("li", { className: line.kind }, element("time", { textContent: `${line.t.toFixed(3)}` }),
      `${line.kind} ${line.function}: ${line.text}`));
  }
  while (of("log").childElementCount > NEWEST) of("log").lastElementChild.remove();
}

async function detail(key) {
  const result = await (await ask(`result?${new URLSearchParams({ key })}`)).json();
  of("detail-title").textContent = result.name;
  const numbers = result.marked.length ? `${words.marked}: ${result.marked.join(", ")}` : `no ${words.marked}`;
  of("detail-status").textContent =
    [`${result.status}, ${result.units} ${words.unit[1]}, ${numbers}`, result.reason].filter(Boolean).join(". ");
  const doubts = [...result.errors, ...result.suspects].map((one) =>
    element("p", { textContent: `${words.unit[0]} ${one.unit}: ${one.reason}` }));
  const units = Array.from({ length: result.units }, (_, index) => index + 1);
  of("pages").replaceChildren(...doubts, ...units.map((unit) =>
    picture(key, unit, result.findings.filter((one) => one.unit === unit), `${words.unit[0]} ${unit}`)));
  of("detail").showModal();
}

async function upload(files) {
  for (const file of files) {
    told(`Uploading ${file.name}`);
    await tell(() => ask(`upload/${encodeURIComponent(file.name)}`, { method: "PUT", body: file }));
  }
}

const about = await (await ask("about")).json();
words = about.words;
document.title = of("system").textContent = `${words.system}, a local cloud`;
of("uploads").textContent = about.uploads;
document.querySelector("th.units").textContent = words.unit[1];
document.querySelector("th.marked").textContent = words.marked;
fill(of("speed"), about.speeds, (speed) => (speed === "max" ? "as fast as it goes" : `${speed} x`));
fill(of("faults"), about.presets);
fill(of("kind"), Object.keys(about.kinds), (kind) => kind.replaceAll("_", " "));
of("kind").title = "What happens once, at the next opportunity";

for (const name of ["speed", "faults"]) {
  of(name).addEventListener("change", () => tell(() => post(`act/${name}`, of(name).value)));
}
of("pause").addEventListener("click", () => tell(() => post(`act/${of("pause").textContent === "Pause" ? "pause" : "go"}`)));
of("strike").addEventListener("click", () => tell(() => post("act/strike", of("kind").value))
  .then(() => told(of("told").textContent || `Next: ${about.kinds[of("kind").value]}`)));
for (const name of ["lose", "redrive"]) of(name).addEventListener("click", () => tell(() => post(`act/${name}`)));

of("chosen").addEventListener("change", () => upload([...of("chosen").files]));
of("drop").addEventListener("dragover", (event) => { event.preventDefault(); of("drop").classList.add("over"); });
of("drop").addEventListener("dragleave", () => of("drop").classList.remove("over"));
of("drop").addEventListener("drop", (event) => {
  event.preventDefault();
  of("drop").classList.remove("over");
  upload([...event.dataTransfer.files]);
});

const events = new EventSource("api/events");
events.onmessage = (event) => show(JSON.parse(event.data));
events.onerror = () => { of("clock").textContent = "The connection is lost; trying again"; };
