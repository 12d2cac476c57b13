// Bill and makespan at other settings, by the surface that summary.json has under explorer (harness/fleet/surface.py says its terms).
function fleetOf(told) {
  const surface = told.surface;
  const sum = (factors, terms) => factors.reduce((all, factor, place) => all + factor * terms[place], 0);
  const mean = surface.pageCounts.reduce((all, [pages, share]) => all + pages * share, 0);
  const load = (point) => {
    let pages = 0, batches = 0;
    for (const [count, share] of surface.pageCounts) {
      const wanted = (count * point.pages) / mean, whole = Math.floor(wanted), more = wanted - whole;
      for (const [each, part] of [[Math.max(1, whole), 1 - more], [whole + 1, more]]) {
        pages += share * part * each;
        batches += share * part * Math.ceil(each / point.batch);
      }
    }
    return { pages, batches };
  };
  const counted = ({ pages, batches }) => [1, pages, batches];
  const worked = (point, { pages, batches }) => {
    const share = Math.min(1, point.memory / surface.mbPerVcpu);
    return [(pages * point.seconds) / share, pages, batches, batches / share, pages / share];
  };
  return (point) => {
    const each = load(point), counts = counted(each), work = worked(point, each);
    const price = surface.durationPrices[point.architecture] / surface.durationPrices[surface.architecture];
    const durations = sum(surface.durations, [...counts, ...work.map((term) => (term * point.memory) / 1024)]);
    const stages = [sum(surface.opening, counts), sum(surface.reading, work) / point.workers, sum(surface.closing, counts)];
    const longest = Math.max(...stages); // the busiest decides
    return {
      dollars: told.files * told.dollarsFactor * (price * durations + sum(surface.others, counts)),
      seconds: told.files * told.makespanFactor * longest,
      batches: told.files * each.batches,
      busiest: stages.indexOf(longest),
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
