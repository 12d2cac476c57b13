// What both pages share: elements, questions to the server, and pictures of pages that are masked until clicked.
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in made) made[name] = value; else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export async function ask(path, options = {}) {
  const answer = await fetch(`api/${path}`, { ...options, headers: { "X-Harness": "1", ...options.headers } });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

export const post = (path, body = "") => ask(path, { method: "POST", body });

const SVG = "http://www.w3.org/2000/svg";

// findings: [{unit, type, box, confidence}] of this unit; the picture is a mosaic until somebody asks for it.
export function picture(key, unit, findings, title) {
  const image = element("img", { alt: `${title}, masked` });
  const frame = element("div", { className: "picture masked" }, image);
  const button = element("button", { type: "button", textContent: `Show ${title}` });
  let shown = false;
  const load = async () => {
    const query = new URLSearchParams({ key, unit, ...(shown ? { clear: "1" } : {}) });
    try {
      const answer = await ask(`picture?${query}`);
      const [width, height] = [answer.headers.get("X-Width"), answer.headers.get("X-Height")];
      if (image.src) URL.revokeObjectURL(image.src);
      image.src = URL.createObjectURL(await answer.blob());
      image.alt = shown ? title : `${title}, masked`;
      frame.classList.toggle("masked", !shown);
      button.textContent = `${shown ? "Mask" : "Show"} ${title}`;
      frame.querySelector("svg")?.remove();
      const boxes = document.createElementNS(SVG, "svg");
      boxes.setAttribute("viewBox", `0 0 ${width} ${height}`);
      boxes.setAttribute("preserveAspectRatio", "none");
      boxes.setAttribute("aria-hidden", "true");
      for (const { box, type } of findings.filter((one) => one.box)) {
        const [left, top, right, bottom] = box;
        const drawn = document.createElementNS(SVG, "rect");
        const named = document.createElementNS(SVG, "title");
        named.textContent = type;
        for (const [name, value] of Object.entries({ x: left, y: top, width: right - left, height: bottom - top })) {
          drawn.setAttribute(name, value);
        }
        drawn.append(named);
        boxes.append(drawn);
      }
      frame.append(boxes);
    } catch (error) {
      frame.replaceChildren(element("p", { textContent: error.message }));
    }
  };
  button.addEventListener("click", () => { shown = !shown; load(); });
  load();
  const caption = element("figcaption", {}, button, " ", marks(findings));
  return element("figure", {}, caption, frame);
}

export function marks(findings) {
  return findings.map((one) => `${one.type} ${one.masked} (${Math.round(one.confidence ?? 0)} %)`).join(", ");
}
