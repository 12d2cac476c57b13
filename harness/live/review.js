// The review: one unit after the other, a verdict by one key, and what the verdicts say of all units.
import { ask, element, picture, post } from "./pages.js";

const of = (id) => document.getElementById(id);
const results = new Map();
let words = { unit: ["unit", "units"], marked: "marked" };
let sample = { units: [], measures: null };
let place = 0;

const percent = (value) => (value === null ? "not known" : `${(100 * value).toFixed(1)} %`);
const share = (one) => (one.share === null ? "not known yet"
  : `${percent(one.share)} (${percent(one.low)} to ${percent(one.high)})`);

async function told(action) {
  try { await action(); of("told").textContent = ""; } catch (error) { of("told").textContent = error.message; }
}

async function result(key) {
  if (!results.has(key)) results.set(key, await (await ask(`result?${new URLSearchParams({ key })}`)).json());
  return results.get(key);
}

async function show() {
  of("review").hidden = !sample.units.length;
  if (!sample.units.length) return;
  const judged = sample.units.filter((one) => one.verdict).length;
  of("progress").textContent = `${judged} of ${sample.units.length} judged, drawn by seed ${sample.seed}`;
  const one = sample.units[place];
  of("unit-title").textContent = `${place + 1} of ${sample.units.length}: ${one.key}, ${words.unit[0]} ${one.unit}`;
  of("wrong").disabled = one.stratum !== "marked";
  of("right-means").textContent = one.stratum === "marked" ? "all boxes, and nothing else" : "there is nothing to find";
  for (const name of ["right", "wrong", "missed"]) of(name).setAttribute("aria-pressed", String(one.verdict === name));
  measures();
  try {
    const { findings } = await result(one.key);
    if (one !== sample.units[place]) return;
    const there = findings.filter((found) => found.unit === one.unit);
    of("unit").replaceChildren(picture(one.key, one.unit, there, `${words.unit[0]} ${one.unit}`));
  } catch {
    of("unit").replaceChildren(element("p", { textContent: "This upload is not in the cloud now: draw anew, or go on with its state." }));
  }
}

function measures() {
  const found = sample.measures;
  const threshold = found.threshold.confidence === null
    ? `none keeps recall above ${percent(found.threshold.wanted)}`
    : `${found.threshold.confidence} % (recall ${percent(found.threshold.recall)}, precision ${percent(found.threshold.precision)}; by ${found.threshold.units} rightly marked)`;
  const rows = [["precision", share(found.precision)], ["recall", share(found.recall)],
    ["missed where nothing is marked", share(found.missed)], ["confidence to ask for", threshold],
    ["stands for", `${found.population.marked} marked, ${found.population.unmarked} not`]];
  of("measures").tBodies[0].replaceChildren(...rows.map(([name, value]) =>
    element("tr", {}, element("th", { scope: "row", textContent: name }), element("td", { textContent: value }))));
}

async function judge(verdict) {
  const at = place;
  sample = await (await post("review/verdict", JSON.stringify({ place: at, verdict }))).json();
  const left = sample.units.findIndex((one, index) => index > at && !one.verdict);
  const first = sample.units.findIndex((one) => !one.verdict);
  place = left >= 0 ? left : first >= 0 ? first : at;
  await show();
}

function step(by) {
  place = Math.min(Math.max(0, place + by), sample.units.length - 1);
  return show();
}

const keys = {
  r: () => judge("right"), w: () => judge("wrong"), m: () => judge("missed"), b: () => step(-1), n: () => step(1),
  s: async () => of("unit").querySelector("button")?.click(),
};
for (const [id, key] of [["right", "r"], ["wrong", "w"], ["missed", "m"], ["back", "b"], ["next", "n"], ["show", "s"]]) {
  of(id).addEventListener("click", () => told(keys[key]));
}
document.addEventListener("keydown", (event) => {
  const known = keys[event.key.toLowerCase()];
  if (!known || !sample.units.length || event.ctrlKey || event.metaKey || event.altKey || event.target.tagName === "INPUT") return;
  event.preventDefault();
  told(known);
});
of("draw").addEventListener("submit", (event) => {
  event.preventDefault();
  told(async () => {
    const asked = { wanted: Number(of("wanted").value), seed: Number(of("seed").value) };
    sample = await (await post("review/draw", JSON.stringify(asked))).json();
    results.clear();
    place = 0;
    of("right").focus();
    await show();
  });
});

const about = await (await ask("about")).json();
words = about.words;
document.title = of("system").textContent = `${words.system}: review`;
sample = await (await ask("review")).json();
place = Math.max(0, sample.units.findIndex((one) => !one.verdict));
await show();
