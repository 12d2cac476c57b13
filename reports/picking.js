// Points of the fronts can be picked: both pictures, the table and a line of words then show which setting it is.
function pickable(dots) {
  const told = document.getElementById("picked");
  const rows = document.querySelectorAll("tr[data-point]");
  const heads = [...(rows[0]?.closest("table").tHead.rows[0].cells ?? [])].map((head) => head.textContent.trim());
  const textOf = (row) =>
    [...row.cells].map((cell, place) => `${heads[place]}: ${cell.innerText.trim().replace(/\s+/g, " ")}`).join("; ");
  const pick = (number) => {
    for (const { dot, of } of dots) dot.classList.toggle("picked", of === number);
    for (const row of rows) {
      const chosen = row.dataset.point === number;
      row.classList.toggle("chosen", chosen);
      if (chosen) told.textContent = textOf(row);
    }
  };
  for (const { dot, of } of dots) {
    const row = document.querySelector(`tr[data-point="${of}"]`);
    dot.setAttribute("tabindex", "0");
    dot.setAttribute("role", "button");
    dot.setAttribute("aria-label", row ? textOf(row) : `setting ${of}`);
    dot.classList.add("point");
    dot.addEventListener("click", () => pick(of));
    dot.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        pick(of);
      }
    });
  }
}

const dots = [...document.querySelectorAll("g[id^='point-']")].map((dot) => ({ dot, of: dot.id.split("-").pop() }));
for (const { dot } of dots) {
  dot.closest("svg").setAttribute("role", "group"); // an image has no parts that one could reach
  dot.closest("svg").classList.add("pickable");
}
pickable(dots);
