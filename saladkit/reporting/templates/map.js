// The map of the text pool: a canvas, since 100,000 dots are too many for elements.
const data = document.getElementById("map-data");
if (data) drawMap(JSON.parse(data.textContent), document.getElementById("map"));

function drawMap(map, section) {
  const form = section.querySelector("form"), box = section.querySelector(".map"), canvas = box.querySelector("canvas");
  const said = box.querySelector("output"), scale = box.querySelector(".scale"), pen = canvas.getContext("2d");
  const bytes = (packed) => Uint8Array.from(atob(packed), (letter) => letter.charCodeAt(0));
  const words16 = (packed) => { const raw = bytes(packed); return new Uint16Array(raw.buffer); };
  const x = words16(map.x), y = words16(map.y), regionOf = words16(map.region);
  const distance = map.distance && bytes(map.distance), count = x.length;
  const gaps = map.regions.map((region) => region.gap), known = gaps.filter((gap) => gap !== null);
  const gapEnds = [Math.min(...known), Math.max(...known)];
  // viridis, from Matplotlib: rises evenly in lightness.
  const bright = [[68, 1, 84], [59, 82, 139], [33, 145, 140], [94, 201, 98], [253, 231, 37]];
  const onDark = [[128, 104, 190], [92, 136, 200], [54, 164, 160], [120, 208, 110], [253, 231, 37]];
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  let stops = bright;
  let size = 0, at = -1;

  const chosen = () => Object.fromEntries(new FormData(form));
  const colourOf = (share) => {
    const place = Math.min(Math.max(share, 0), 1) * (stops.length - 1), below = Math.min(Math.floor(place), stops.length - 2);
    return stops[below].map((value, part) => Math.round(value + (stops[below + 1][part] - value) * (place - below)));
  };
  const shareOf = (kind, dot) => {
    if (kind === "distance") return distance[dot] / map.levels;
    const gap = gaps[regionOf[dot]];
    return kind !== "gap" || gap === null ? null : (gap - gapEnds[0]) / (gapEnds[1] - gapEnds[0] || 1);
  };
  const toPixel = (value) => 8 + (value / map.side) * (size - 16);
  const style = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

  function draw() {
    const ratio = window.devicePixelRatio || 1, wanted = chosen();
    stops = dark.matches ? onDark : bright;
    size = Math.min(box.clientWidth, 760);
    canvas.width = canvas.height = Math.round(size * ratio);
    canvas.style.width = canvas.style.height = `${size}px`;
    pen.setTransform(ratio, 0, 0, ratio, 0, 0);
    pen.clearRect(0, 0, size, size);
    const only = wanted.region === "" ? -1 : Number(wanted.region);
    const dotSize = Math.max(1, Math.min(5, 0.6 * size / Math.sqrt(count)));
    const grey = style("grey"), faint = style("line"), ink = style("ink"), page = style("card");
    // One pass for each colour, since changing the colour costs more than a dot.
    const passes = new Map();
    for (let dot = 0; dot < count; dot++) {
      const share = shareOf(wanted.colour, dot);
      let colour = share === null ? grey : `rgb(${colourOf(Math.round(share * 24) / 24)})`;
      if (only >= 0 && regionOf[dot] !== only) colour = faint;
      if (!passes.has(colour)) passes.set(colour, []);
      passes.get(colour).push(dot);
    }
    for (const [colour, dots] of passes) {
      pen.fillStyle = colour;
      for (const dot of dots) pen.fillRect(toPixel(x[dot]) - dotSize / 2, toPixel(y[dot]) - dotSize / 2, dotSize, dotSize);
    }
    pen.lineWidth = size < 500 ? 1 : 1.5;
    for (const dot of marked()) ring(dot, (size < 500 ? 1 : 2.5) + dotSize / 2, style("vermilion"));
    if (at >= 0) { pen.lineWidth = 3; ring(at, 6, ink); }
    label(only, ink, page);
    legend(wanted.colour);
  }
  function ring(dot, radius, colour) {
    pen.strokeStyle = colour;
    pen.beginPath();
    pen.arc(toPixel(x[dot]), toPixel(y[dot]), radius, 0, 2 * Math.PI);
    pen.stroke();
  }
  function marked() {
    const selection = map.selections[chosen().selection];
    return chosen().selection && selection ? Object.keys(selection.reasons).map(Number) : [];
  }
  // Names of the largest regions, as many as do not overlap.
  function label(only, ink, page) {
    pen.font = "600 12px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    const taken = [], order = map.regions.map((_, place) => place).sort((a, b) => map.regions[b].texts - map.regions[a].texts);
    for (const place of only >= 0 ? [only] : order) {
      const region = map.regions[place], name = only >= 0 ? region.name : region.name.split(", ").slice(0, 2).join(", ");
      const half = pen.measureText(name).width / 2 + 3;
      const left = Math.min(Math.max(toPixel(region.centre[0]), half), size - half), top = toPixel(region.centre[1]);
      if (taken.some(([a, b, c]) => Math.abs(a - left) < c + half && Math.abs(b - top) < 18)) continue;
      taken.push([left, top, half]);
      pen.globalAlpha = 0.82;
      pen.fillStyle = page;
      pen.fillRect(left - half, top - 9, 2 * half, 18);
      pen.globalAlpha = 1;
      pen.fillStyle = ink;
      pen.fillText(name, left, top);
    }
  }
  function legend(kind) {
    const ends = kind === "gap" ? gapEnds : kind === "distance" ? map.distances : null;
    scale.hidden = !ends;
    if (!ends) return;
    const [low, bar, high] = scale.children;
    low.textContent = ends[0].toFixed(2);
    high.textContent = kind === "gap" ? `${ends[1].toFixed(2)} ${map.unit}` : `${ends[1].toFixed(2)} from the nearest spoken text`;
    bar.style.background = `linear-gradient(to right, ${stops.map((stop) => `rgb(${stop})`)})`;
  }
  function tell() {
    if (at < 0) return;
    const region = map.regions[regionOf[at]], parts = [];
    parts.push(map.words[at] === undefined ? `text ${map.ids[at]}` : `“\u2068${map.words[at]}\u2069” (${map.ids[at]})`);  // whatever its direction
    parts.push(`region ${region.name}` + (region.gap === null ? "" : `, gap ${region.gap.toFixed(3)}`));
    if (distance) parts.push(`${(map.distances[0] + distance[at] / map.levels * (map.distances[1] - map.distances[0])).toFixed(3)} from the nearest spoken text`);
    for (const selection of map.selections) {
      const why = selection.reasons[at];
      if (why) parts.push(`chosen by ${selection.name}: ${reason(why)}`);
    }
    said.textContent = parts.join("; ");
  }
  const percent = (share) => `${(100 * share).toPrecision(2)} %`;
  function reason(why) {
    const parts = [why.strategy ?? "selected"];
    if (why.draw !== undefined) parts.push(`draw ${why.draw + 1}`);
    if (why.region_probability !== undefined) parts.push(`probability of the region ${percent(why.region_probability)}`);
    if (why.text_probability !== undefined) parts.push(`of the text ${percent(why.text_probability)}`);
    if (why.predicted_duration !== undefined) parts.push(`about ${why.predicted_duration.toFixed(1)} s of speech`);
    return parts.join(", ");
  }
  function nearest(left, top) {
    let best = -1, least = 20 * 20;
    for (let dot = 0; dot < count; dot++) {
      const across = toPixel(x[dot]) - left, down = toPixel(y[dot]) - top, found = across * across + down * down;
      if (found < least) { least = found; best = dot; }
    }
    return best;
  }
  const goTo = (dot) => { at = dot; draw(); tell(); };

  canvas.addEventListener("pointermove", (event) => {
    const dot = nearest(event.offsetX, event.offsetY);
    if (dot >= 0 && dot !== at) requestAnimationFrame(() => goTo(dot));
  });
  canvas.addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    // Through the marked texts if there are any, and through those of the region that is chosen.
    const only = chosen().region, of = marked().length ? marked() : [...x.keys()];
    const dots = only === "" ? of : of.filter((dot) => regionOf[dot] === Number(only));
    if (!dots.length) return;
    const here = dots.indexOf(at);
    goTo(dots[here < 0 ? 0 : (here + step + dots.length) % dots.length]);
  });
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("resize", draw);
  dark.addEventListener("change", draw);
  form.hidden = box.hidden = false;
  draw();
}
