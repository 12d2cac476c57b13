// Bill and makespan at other settings, by the surface that summary.json has under explorer (harness/fleet/surface.py says its terms).
function fleetOf(told) {
  const surface = told.surface;
  const sum = (factors, terms) => factors.reduce((all, factor, place) => all + factor * terms[place], 0);
  const mean = surface.pageCounts.reduce((all, [pages, share]) => all + pages * share, 0);
  const batches = (point) => surface.pageCounts.reduce((all, [pages, share]) => {
    const wanted = (pages * point.pages) / mean, whole = Math.floor(wanted), more = wanted - whole;
    return all + share * ((1 - more) * Math.max(1, Math.ceil(whole / point.batch)) + more * Math.ceil((whole + 1) / point.batch));
  }, 0);
  const counted = (point, count) => [1, point.pages, count];
  const worked = (point, count) => {
    const share = Math.min(1, point.memory / surface.mbPerVcpu);
    return [(point.pages * point.seconds) / share, point.pages, count, count / share, point.pages / share];
  };
  return (point) => {
    const count = batches(point), counts = counted(point, count), work = worked(point, count);
    const price = surface.durationPrices[point.architecture] / surface.durationPrices[surface.architecture];
    const durations = sum(surface.durations, [...counts, ...work.map((term) => (term * point.memory) / 1024)]);
    const first = (sum(surface.firstStage, counts) + surface.gaps[0]) / surface.lanes;
    const second = (sum(surface.secondStage, work) + surface.gaps[1] * count) / point.workers;
    const longest = Math.max(first, second), power = surface.exponent;
    const seconds = longest * ((first / longest) ** power + (second / longest) ** power) ** (1 / power);
    return {
      dollars: told.files * told.dollarsFactor * (price * durations + sum(surface.others, counts)),
      seconds: told.files * told.makespanFactor * seconds,
      batches: told.files * count,
      busiest: first > second ? 0 : 1,
    };
  };
}

function explore(root) {
  const told = JSON.parse(document.getElementById("explorer-surface").textContent);
  const at = fleetOf(told);
  const inputs = [...root.querySelectorAll("input[type=range]")];
  const architecture = root.querySelector("select");
  const value = (input) => {
    const { low, high, whole } = told.surface.axes[input.name];
    const found = low * (high / low) ** (Number(input.value) / Number(input.max));
    return whole ? Math.round(found) : found;
  };
  const digits = { pages: 1, seconds: 3, batch: 0, memory: 0, workers: 0 };
  const place = (input, wanted) => {
    const { low, high } = told.surface.axes[input.name];
    input.value = Math.round((Number(input.max) * Math.log(wanted / low)) / Math.log(high / low));
  };
  const usual = { architecture: told.surface.architecture };
  for (const [name, axis] of Object.entries(told.surface.axes)) usual[name] = axis.now;
  const base = at(usual);
  const moved = new Set(); // the others are exactly what they are now, not where a slider's step lies
  const point = () => {
    const found = { ...usual, architecture: architecture.value };
    for (const input of inputs) if (moved.has(input)) found[input.name] = value(input);
    return found;
  };
  const part = (now, before) => {
    const change = 100 * (now / before - 1);
    return Math.abs(change) < 0.05 ? "as now" : `${change > 0 ? "+" : ""}${change.toFixed(1)} %`;
  };
  const show = () => {
    const chosen = point(), found = at(chosen);
    for (const input of inputs) {
      const text = chosen[input.name].toFixed(digits[input.name]);
      input.setAttribute("aria-valuetext", text);
      root.querySelector(`output[for="${input.id}"]`).textContent = text;
    }
    const dollars = found.dollars.toLocaleString("en", { maximumFractionDigits: found.dollars < 100 ? 2 : 0 });
    root.querySelector(".dollars").textContent = `$${dollars}`;
    root.querySelector(".dollars-change").textContent = part(found.dollars, base.dollars);
    root.querySelector(".hours").textContent = `${(found.seconds / 3600).toFixed(1)} h`;
    root.querySelector(".hours-change").textContent = part(found.seconds, base.seconds);
    root.querySelector(".batches").textContent = Math.round(found.batches).toLocaleString("en");
    root.querySelector(".busiest").textContent = told.stages[found.busiest];
  };
  const reset = () => {
    moved.clear();
    for (const input of inputs) place(input, told.surface.axes[input.name].now);
    architecture.value = told.surface.architecture;
    show();
  };
  for (const input of inputs) input.addEventListener("input", () => { moved.add(input); show(); });
  architecture.addEventListener("change", show);
  root.querySelector("button").addEventListener("click", reset);
  reset();
  root.dataset.ready = "yes";
}

for (const root of document.querySelectorAll(".explorer")) explore(root);
