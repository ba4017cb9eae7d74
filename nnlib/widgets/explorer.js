// Draws an Explorer or Steps widget: controls, panels, readouts and the sentence, from results that Python has packed.

const TYPES = { u1: Uint8Array, u2: Uint16Array, u4: Uint32Array, i2: Int16Array, f4: Float32Array, f8: Float64Array };
const SHAPES = ["circle", "square", "triangle", "diamond"]; // of class 0, 1, …: told apart without colour
const STEP_MS = 900;
const TWEEN_MS = 250;

// ---- numbers as Python writes them ----

const tie = (digits) => /^50*$/.test(digits);
const even = (text) => "02468".includes(text.at(-1));

function fixed(x, precision) {
  if (Math.abs(x) >= 1e21) return BigInt(x) + (precision ? "." + "0".repeat(precision) : "");
  const rounded = x.toFixed(precision);
  const exact = x.toFixed(100);
  const cut = exact.length - 100 + precision;
  const kept = exact.slice(0, cut).replace(/\.$/, "");
  return tie(exact.slice(cut)) && even(kept) ? kept : rounded; // JavaScript rounds halves up, Python to even
}

function scientific(x, precision) {
  let [digits, power] = x.toExponential(precision).split("e");
  const exact = x.toExponential(100).split("e")[0].replace("-", "");
  const cut = precision ? precision + 2 : 1;
  const kept = exact.slice(0, cut);
  if (tie(exact.slice(cut).replace(".", "")) && even(kept)) digits = (x < 0 ? "-" : "") + kept;
  return `${digits}e${power[0]}${power.slice(1).padStart(2, "0")}`;
}

function general(x, precision) {
  const p = precision || 1;
  const text = scientific(x, p - 1);
  const power = Number(text.split("e")[1]);
  const short = (digits) => (digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits);
  if (power >= -4 && power < p) return short(fixed(x, p - 1 - power));
  const [digits, exponent] = text.split("e");
  return `${short(digits)}e${exponent}`;
}

export function number(value, spec) {
  if (Number.isNaN(value)) return "–";
  if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
  const [, plus, digits, kind] = /^(\+?)(?:\.(\d+))?([fge%d])$/.exec(spec);
  const precision = Number(digits ?? 0);
  let text;
  if (kind === "e") text = scientific(value, precision);
  else if (kind === "g") text = general(value, precision);
  else if (kind === "%") text = fixed(value * 100, precision) + "%";
  else text = fixed(value, precision);
  if (/^-[0.]*(e.*|%)?$/.test(text)) text = text.slice(1);
  return (plus && text[0] !== "-" ? "+" : "") + text.replaceAll("-", "−");
}

// ---- the packed results ----

// Returns read(name, state) → number, text, list of texts, or { values, cell } for an array.
function unpack(spec, view) {
  const bytes = view.buffer.slice(view.byteOffset, view.byteOffset + view.byteLength);
  const arrays = {};
  for (const [name, entry] of Object.entries(spec.arrays)) {
    const size = entry.cell.reduce((a, b) => a * b, 1);
    const all = new TYPES[entry.type](
      bytes,
      entry.at,
      entry.grid.reduce((a, b) => a * b, size),
    );
    arrays[name] = { ...entry, size, all };
  }
  return (name, state) => {
    const { grid, cell, size, all, text, low, step } = arrays[name];
    const place = grid.reduce((at, n, axis) => at * n + (n > 1 ? state[spec.controls[axis].name] : 0), 0);
    const part = all.subarray(place * size, (place + 1) * size);
    if (text) return cell.length ? Array.from(part, (code) => spec.strings[code]) : spec.strings[part[0]];
    const values = low === undefined ? part : Float32Array.from(part, (v) => (v > 254 ? NaN : low + step * v));
    return cell.length ? { values, cell } : values[0];
  };
}

const list = (result) => (Array.isArray(result) ? result : result?.cell ? result.values : [result]);

// ---- axes ----

const superscript = (n) => String(n).replace(/./g, (c) => (c === "-" ? "⁻" : "⁰¹²³⁴⁵⁶⁷⁸⁹"[c]));

function linearTicks(low, high, count) {
  const raw = (high - low) / Math.max(count, 1);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= raw * 0.999);
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks = [];
  for (let i = Math.ceil(low / step - 1e-9); i * step <= high + step * 1e-9; i++) {
    const value = i * step;
    ticks.push([value, number(value, step >= 1e5 || step < 1e-4 ? ".3g" : `.${digits}f`)]);
  }
  return ticks;
}

function logTicks(low, high, count) {
  const first = Math.ceil(Math.log10(low) - 1e-9);
  const last = Math.floor(Math.log10(high) + 1e-9);
  const text = (value, power) => (power < -3 || power > 4 ? `10${superscript(power)}` : number(value, ".6g"));
  const stride = Math.max(1, Math.ceil((last - first + 1) / count));
  const ticks = [];
  for (let power = first; power <= last; power += stride) ticks.push([10 ** power, text(10 ** power, power)]);
  if (ticks.length > 1) return ticks;
  for (let power = first - 1; power <= last; power++)
    for (const m of [1, 2, 5]) {
      const value = m * 10 ** power;
      if (value >= low && value <= high) ticks.push([value, number(value, ".3g")]);
    }
  return ticks.filter(([value], i) => ticks.findIndex(([other]) => other === value) === i);
}

// Maps data to pixels; far-off values stay near the picture, as browsers cannot draw them.
function scaleOf({ limits: [low, high], scale }, from, to) {
  const f = scale === "log" ? (v) => (v > 0 ? Math.log10(v) : NaN) : (v) => v;
  const a = f(low);
  const k = (to - from) / (f(high) - a);
  return (v) => Math.max(-1e4, Math.min(1e4, from + (f(v) - a) * k));
}

// Moves labels apart: as near to their places as they can be, `gap` between them, within [low, high].
export function spread(places, gap, low, high) {
  const order = places.map((y, i) => ({ y, i })).sort((a, b) => a.y - b.y);
  order.forEach((label, k) => (label.y = Math.max(label.y, k ? order[k - 1].y + gap : low)));
  for (let k = order.length - 1; k >= 0; k--) {
    order[k].y = Math.min(order[k].y, k < order.length - 1 ? order[k + 1].y - gap : high);
  }
  const result = [];
  for (const { y, i } of order) result[i] = y;
  return result;
}

// ---- text and markup ----

const pen = document.createElement("canvas").getContext("2d");
pen.font = "12px system-ui, sans-serif"; // as in explorer.css
const textWidth = (text) => pen.measureText(text).width;

const escaped = (text) => String(text).replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`);
const r = (v) => Math.round(v * 100) / 100;
const label = (x, y, text, style = "") => `<text x="${r(x)}" y="${r(y)}" ${style}>${escaped(text)}</text>`;
const MIDDLE = `text-anchor="middle"`;
const CENTRAL = `dominant-baseline="central"`;

function element(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

function symbol(shape, x, y, size) {
  const s = size * 0.9;
  const t = size * 1.25;
  if (shape === "square") return `M${r(x - s)},${r(y - s)}h${r(2 * s)}v${r(2 * s)}h${r(-2 * s)}z`;
  if (shape === "triangle") return `M${r(x)},${r(y - t)}l${r(t)},${r(t * 1.7)}h${r(-2 * t)}z`;
  if (shape === "diamond") return `M${r(x)},${r(y - t)}l${r(t)},${r(t)} ${r(-t)},${r(t)} ${r(-t)},${r(-t)}z`;
  const half = (width) => `a${r(size)},${r(size)} 0 1 1 ${r(width)},0`;
  return `M${r(x - size)},${r(y)}${half(2 * size)}${half(-2 * size)}z`;
}

// ---- marks: each returns SVG for one state ----
// `at` has get(name), x(v), y(v) (pixels), paint(color, i) (a CSS colour), plot, the panel's labels and rgb(meaning).

const MARKS = {
  Line(mark, at) {
    const y = at.get(mark.y);
    const [rows, n] = y.cell?.length === 2 ? y.cell : [1, list(y).length];
    const xs = list(at.get(mark.x));
    const names = [mark.label ?? []].flat();
    let svg = "";
    for (let row = 0; row < rows; row++) {
      const offset = xs.length > n ? row * n : 0;
      let path = "";
      let down = false;
      let end = null;
      for (let i = 0; i < n; i++) {
        const vx = xs[offset + i];
        const vy = list(y)[row * n + i];
        const px = at.x(vx);
        const py = at.y(vy);
        const drawn = Number.isFinite(vx) && Number.isFinite(vy) && Number.isFinite(px) && Number.isFinite(py);
        if (drawn) path += `${down ? "L" : "M"}${r(px)},${r(py)}`;
        if (drawn && px <= at.plot.right + 1 && py >= at.plot.top - 1 && py <= at.plot.bottom + 1) end = [px, py];
        down = drawn;
      }
      const color = at.paint(mark.color, row);
      const dash = mark.dash ? `stroke-dasharray="6 4"` : "";
      svg += `<path d="${path}" fill="none" stroke="${color}" stroke-width="${mark.width}" ${dash}/>`;
      if (names[row] && end) at.labels.push({ text: names[row], color, x: end[0], y: end[1] });
    }
    return svg;
  },

  Points(mark, at) {
    const xs = list(at.get(mark.x));
    const ys = list(at.get(mark.y));
    const sizes = list(at.get(mark.size));
    let svg = "";
    for (let i = 0; i < Math.max(xs.length, ys.length); i++) {
      const x = at.x(xs[i % xs.length]);
      const y = at.y(ys[i % ys.length]);
      const size = sizes[i % sizes.length];
      if (!Number.isFinite(x) || !Number.isFinite(y) || !(size > 0)) continue;
      const color = at.paint(mark.color, i);
      const style = mark.hollow
        ? `fill="none" stroke="${color}" stroke-width="2"`
        : `fill="${color}" stroke="var(--nnw-paper)"`;
      svg += `<path d="${symbol(at.shape(mark.color, i), x, y, size)}" ${style}/>`;
    }
    return svg;
  },

  Segments(mark, at) {
    const ends = [mark.x0, mark.y0, mark.x1, mark.y1].map((name) => list(at.get(name)));
    const widths = list(at.get(mark.width));
    const weights = mark.weight && list(at.get(mark.weight));
    let svg = "";
    for (let i = 0; i < Math.max(...ends.map((end) => end.length)); i++) {
      const [x0, y0, x1, y1] = ends.map((end, k) => (k % 2 ? at.y : at.x)(end[i % end.length]));
      if (![x0, y0, x1, y1].every(Number.isFinite)) continue;
      const weight = weights?.[i % weights.length];
      const width = weights ? 0.5 + (4 * Math.abs(weight || 0)) / mark.largest : widths[i % widths.length];
      const color = weights ? `var(--nnw-${weight > 0 ? "positive" : "negative"})` : at.paint(mark.color, i);
      const length = Math.hypot(x1 - x0, y1 - y0);
      const head = mark.arrow ? Math.min(4 + 3 * width, length) : 0;
      const [ux, uy] = length ? [(x1 - x0) / length, (y1 - y0) / length] : [0, 0];
      const [bx, by] = [x1 - ux * head, y1 - uy * head];
      const dash = mark.dash ? ` stroke-dasharray="6 4"` : "";
      svg += `<path d="M${r(x0)},${r(y0)}L${r(bx)},${r(by)}" stroke="${color}" stroke-width="${r(width)}"${dash}/>`;
      if (!head) continue;
      const [wx, wy] = [-uy * head * 0.42, ux * head * 0.42];
      svg += `<path d="M${r(x1)},${r(y1)}L${r(bx + wx)},${r(by + wy)}L${r(bx - wx)},${r(by - wy)}z" fill="${color}"/>`;
    }
    return svg;
  },

  Bars(mark, at) {
    const xs = list(at.get(mark.x));
    const heights = list(at.get(mark.height));
    const zero = at.y(0);
    let svg = "";
    for (let i = 0; i < heights.length; i++) {
      const left = at.x(xs[i] - mark.width / 2);
      const width = at.x(xs[i] + mark.width / 2) - left;
      const top = at.y(heights[i]);
      if (!Number.isFinite(left) || !Number.isFinite(top)) continue;
      const box = `x="${r(left)}" y="${r(Math.min(top, zero))}" width="${r(width)}"`;
      svg += `<rect ${box} height="${r(Math.abs(top - zero))}" fill="${at.paint(mark.color, i)}"/>`;
      const outside = heights[i] < 0 ? 13 : -6;
      if (mark.format) svg += label(left + width / 2, top + outside, number(heights[i], mark.format), MIDDLE);
    }
    return svg;
  },

  Heatmap(mark, at) {
    const { values, cell } = at.get(mark.values);
    const [rows, columns] = cell;
    const [x0, x1] = mark.extent.slice(0, 2).sort((a, b) => a - b);
    const [y0, y1] = mark.extent.slice(2).sort((a, b) => a - b);
    const [low, high] = mark.scale;
    const ends = { classes: ["class0", "paper", "class1"], signed: ["negative", "paper", "positive"] };
    const colors = (ends[mark.colors] ?? ["paper", "ink"]).map(at.rgb);
    const strength = mark.colors === "classes" ? 0.5 : 1;
    const paper = at.rgb("paper");
    const canvas = element("canvas", { width: columns, height: rows });
    const context = canvas.getContext("2d");
    const image = context.createImageData(columns, rows);
    const [flipX, flipY] = [at.x(x0) > at.x(x1), at.y(y0) > at.y(y1)];
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const value = values[i * columns + j];
        if (Number.isNaN(value)) continue;
        const t = Math.max(0, Math.min(1, (value - low) / (high - low || 1))) * (colors.length - 1);
        const k = Math.min(Math.floor(t), colors.length - 2);
        const pixel = 4 * ((flipY ? rows - 1 - i : i) * columns + (flipX ? columns - 1 - j : j));
        for (let c = 0; c < 3; c++) {
          const mixed = colors[k][c] + (colors[k + 1][c] - colors[k][c]) * (t - k);
          image.data[pixel + c] = paper[c] + (mixed - paper[c]) * strength;
        }
        image.data[pixel + 3] = 255;
      }
    context.putImageData(image, 0, 0);
    const [left, right] = [at.x(x0), at.x(x1)].sort((a, b) => a - b);
    const [top, bottom] = [at.y(y0), at.y(y1)].sort((a, b) => a - b);
    const box = `x="${r(left)}" y="${r(top)}" width="${r(right - left)}" height="${r(bottom - top)}"`;
    const sharp = mark.smooth ? "" : ` style="image-rendering:pixelated"`;
    let svg = `<image href="${canvas.toDataURL()}" ${box} preserveAspectRatio="none"${sharp}/>`;
    if (!mark.format) return svg;
    for (let i = 0; i < rows; i++)
      for (let j = 0; j < columns; j++) {
        const x = at.x(x0 + ((j + 0.5) * (x1 - x0)) / columns);
        const y = at.y(y0 + ((i + 0.5) * (y1 - y0)) / rows);
        const value = values[i * columns + j];
        const dark = mark.colors === "gray" && (value - low) / (high - low || 1) > 0.5;
        svg += label(x, y, number(value, mark.format), `${MIDDLE} ${CENTRAL} class="${dark ? "nnw-inverse" : ""}"`);
      }
    return svg;
  },

  Rule(mark, at) {
    const { left, right, top, bottom } = at.plot;
    const across = mark.x !== undefined;
    const dash = mark.dash ? ` stroke-dasharray="4 4"` : "";
    let svg = "";
    list(at.get(across ? mark.x : mark.y)).forEach((value, i) => {
      const p = r((across ? at.x : at.y)(value));
      if (!Number.isFinite(p)) return;
      const color = at.paint(mark.color, i);
      const line = across ? `M${p},${top}V${bottom}` : `M${left},${p}H${right}`;
      svg += `<path d="${line}" stroke="${color}"${dash}/>`;
      if (!mark.label || i) return;
      const end = across && p > right - textWidth(mark.label) - 6;
      const place = across ? [p + (end ? -5 : 5), top + 12] : [left + 4, p - 5];
      const style = `text-anchor="${end ? "end" : "start"}" class="nnw-halo" fill="${color}"`;
      svg += label(...place, mark.label, style);
    });
    return svg;
  },

  Text(mark, at) {
    const xs = list(at.get(mark.x));
    const ys = list(at.get(mark.y));
    const texts = list(at.get(mark.text));
    let svg = "";
    for (let i = 0; i < texts.length; i++) {
      const x = at.x(xs[i % xs.length]);
      const y = at.y(ys[i % ys.length]);
      if (!Number.isFinite(x) || !Number.isFinite(y)) continue;
      const shown = typeof texts[i] === "string" ? texts[i] : number(texts[i], mark.format ?? ".3g");
      const style = `text-anchor="${mark.anchor}" ${CENTRAL} font-size="${mark.size}" class="nnw-halo"`;
      svg += label(x, y, shown, `${style} fill="${at.paint(mark.color, i)}"`);
    }
    return svg;
  },
};

// ---- a panel ----

function makePanel(panel, index, spec, rgb) {
  const caption = element("figcaption");
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("role", "img");
  const figure = element("figure", { "data-panel": index }, caption, svg);
  const clip = `${spec.name}-${index}-${Math.random().toString(36).slice(2, 8)}`;

  const place = (color, i, get) => {
    if (Array.isArray(color)) return color[i % color.length];
    if (color in spec.palette) return color;
    const places = list(get(color));
    return (places[i % places.length] || 0) | 0;
  };
  const meaning = (p) => (typeof p === "string" ? p : spec.series[p % spec.series.length]);

  // Above the panel: its title, the names of classes and, where there is no room at their ends, of curves.
  function key(direct, paint) {
    caption.replaceChildren();
    if (panel.title) caption.append(element("span", { class: "nnw-panel-title" }, panel.title));
    for (const mark of panel.marks) {
      const names = [mark.label ?? []].flat();
      if (mark.mark === "Rule" || (mark.mark === "Line" && direct)) continue;
      names.forEach((name, i) => {
        const classes = mark.mark === "Points" && names.length > 1;
        const color = classes ? `var(--nnw-${spec.series[i]})` : paint(mark.color, i);
        const entry = element("span", { class: "nnw-key" });
        const sign =
          mark.mark === "Points"
            ? `<path d="${symbol(SHAPES[classes ? i : 0], 8, 7, 4.5)}" fill="${color}"/>`
            : `<path d="M0,7H16" stroke="${color}" stroke-width="2.5"${mark.dash ? ' stroke-dasharray="5 3"' : ""}/>`;
        entry.innerHTML = `<svg width="16" height="14" aria-hidden="true">${sign}</svg>`;
        entry.append(name);
        caption.append(entry);
      });
    }
  }

  const { x: ax, y: ay } = panel;
  const names = panel.marks.filter((m) => m.mark === "Line").flatMap((m) => [m.label ?? []].flat());
  const widest = () => Math.max(0, ...names.map((name) => textWidth(name) + 10));
  let geometry;
  let keyed = false;

  // The plot's place in a picture of the given width, and the height that goes with it.
  function measure(width, wanted) {
    const ticks = (axis, count) => {
      const make = axis.scale === "log" ? logTicks : linearTicks;
      const [low, high] = [...axis.limits].sort((a, b) => a - b);
      return axis.ticks ?? make(low, high, count);
    };
    const direct = names.length > 0 && widest() < 0.35 * width;
    const margins = {
      top: ay.label ? 26 : 10,
      right: direct ? widest() + 4 : 12,
      bottom: ax.label ? 42 : 24,
      left: 30,
    };
    if (!panel.axes) Object.assign(margins, { top: 4, right: direct ? widest() : 4, bottom: 4, left: 4 });
    const least = panel.axes ? 190 : panel.equal ? 0 : 220;
    let height = wanted || Math.max(least, Math.min(width * panel.aspect, 420));
    let plotWidth;
    let yTicks = [];
    const fit = () => {
      plotWidth = width - margins.left - margins.right;
      if (!panel.equal) return;
      const span = ({ limits: [a, b] }) => Math.abs(b - a);
      const ratio = span(ay) / span(ax);
      const room = wanted ? wanted - margins.top - margins.bottom : 400;
      plotWidth = Math.min(plotWidth, room / ratio);
      if (!wanted) height = plotWidth * ratio + margins.top + margins.bottom;
    };
    fit();
    if (panel.axes) {
      yTicks = ticks(ay, Math.max(2, (height - margins.top - margins.bottom) / 45));
      margins.left = 8 + Math.max(8, ...yTicks.map(([, text]) => textWidth(text)));
      fit();
    }
    const left = margins.left + (width - margins.left - margins.right - plotWidth) / 2;
    const plot = { left, right: left + plotWidth, top: margins.top, bottom: height - margins.bottom };
    const xTicks = panel.axes ? ticks(ax, Math.max(2, plotWidth / 70)) : [];
    return { width, height, plot, direct, xTicks, yTicks };
  }

  function axes({ plot, xTicks, yTicks }, x, y) {
    if (!panel.axes) return "";
    const { left, right, top, bottom } = plot;
    let svg = `<g class="nnw-axes">`;
    for (const [value, text] of yTicks) {
      const p = y(value);
      if (!(p >= top - 0.5 && p <= bottom + 0.5)) continue;
      svg += `<path d="M${r(left)},${r(p)}H${r(right)}"/>`;
      svg += label(left - 7, p, text, `text-anchor="end" ${CENTRAL}`);
    }
    let free = -Infinity;
    for (const [value, text] of xTicks) {
      const p = x(value);
      if (!(p >= left - 0.5 && p <= right + 0.5)) continue;
      svg += `<path d="M${r(p)},${r(top)}V${r(bottom)}"/>`;
      const half = textWidth(text) / 2;
      if (p - half < free + 4) continue;
      free = p + half;
      svg += label(p, bottom + 17, text, MIDDLE);
    }
    svg += label((left + right) / 2, bottom + 36, ax.label, MIDDLE);
    return svg + label(panel.equal ? left : 0, 13, ay.label) + "</g>";
  }

  function draw(get, description) {
    if (!geometry) return;
    const { plot, width, height, direct } = geometry;
    const x = scaleOf(ax, plot.left, plot.right);
    const y = scaleOf(ay, plot.bottom, plot.top);
    const at = {
      get,
      x,
      y,
      plot,
      rgb,
      labels: [],
      paint: (color, i) => `var(--nnw-${meaning(place(color, i, get))})`,
      shape: (color, i) => {
        const p = place(color, i, get);
        return SHAPES[typeof p === "number" ? p % SHAPES.length : 0];
      },
    };
    const marks = panel.marks.map((mark, i) => `<g data-mark="${i}">${MARKS[mark.mark](mark, at)}</g>`).join("");
    let labels = "";
    if (direct) {
      const ends = at.labels.map(({ y }) => y);
      const ys = spread(ends, 15, plot.top + 4, plot.bottom - 2);
      at.labels.forEach(({ text, color, x }, i) => {
        const style = `${CENTRAL} class="nnw-halo" fill="${color}"`;
        labels += label(Math.min(x, plot.right) + 6, ys[i], text, style);
      });
    }
    const { left, right, top, bottom } = plot;
    const box = `x="${r(left)}" y="${r(top)}" width="${r(right - left)}" height="${r(bottom - top)}"`;
    svg.innerHTML =
      `<clipPath id="${clip}"><rect ${box}/></clipPath>${axes(geometry, x, y)}` +
      `<g ${panel.axes ? `clip-path="url(#${clip})"` : ""}>${marks}</g>${labels}`;
    svg.setAttribute("aria-label", description);
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (!keyed) key(direct, at.paint);
    keyed = true;
  }

  return {
    figure,
    draw,
    weight: panel.width,
    height: (width) => measure(width).height,
    resize(width, height) {
      geometry = measure(width, height);
      keyed = false;
      svg.setAttribute("width", width);
      svg.setAttribute("height", geometry.height);
      const { plot } = geometry;
      const box = [plot.left, plot.top, plot.right, plot.bottom];
      figure.dataset.plot = box.map(r).join(" ");
      figure.dataset.limits = [ax.limits[0], ay.limits[1], ax.limits[1], ay.limits[0]].join(" ");
    },
  };
}

// ---- a table ----

function makeTable(table, index, spec) {
  const body = element("tbody");
  const words = table.columns.map(([, name]) => (spec.arrays[name].text ? "nnw-words" : undefined));
  const headers = table.columns.map(([header], k) => element("th", { scope: "col", class: words[k] }, header));
  const head = element("tr", {}, ...headers);
  const whole = element("table", {}, element("thead", {}, head), body);
  if (table.title) whole.prepend(element("caption", {}, table.title));
  const figure = element("figure", { "data-panel": index, class: "nnw-table" }, whole);
  return {
    figure,
    exact: true, // its numbers do not travel
    weight: table.width,
    height: () => 0,
    resize(_, height) {
      figure.style.maxHeight = `${height || 360}px`;
    },
    draw(get) {
      const columns = table.columns.map(([, name, format]) =>
        Array.from(list(get(name)), (value) => (typeof value === "string" ? value : number(value, format))),
      );
      const here = table.highlight ? list(get(table.highlight))[0] : -1;
      const rows = [];
      for (let i = 0; i < Math.max(...columns.map((column) => column.length)); i++) {
        const cells = columns.map((column) => column[i] ?? "");
        if (cells.every((text) => text === "" || text === "–")) continue;
        const row = element("tr", {}, ...cells.map((text, k) => element("td", { class: words[k] }, text)));
        if (i === here) row.setAttribute("aria-current", "true");
        rows.push(row);
      }
      body.replaceChildren(...rows);
      const overflows = figure.scrollHeight > figure.clientHeight + 1;
      figure.tabIndex = overflows ? 0 : -1; // so that the keyboard can scroll it
      const current = body.querySelector("[aria-current]");
      if (current && overflows) figure.scrollTop = current.offsetTop - figure.clientHeight / 2;
    },
  };
}

// ---- the widget ----

let views = 0;

function render({ model, el }) {
  const spec = model.get("spec");
  const read = unpack(spec, model.get("data"));
  const id = `${spec.name}-${++views}`;
  const steps = spec.controls.find((control) => control.kind === "steps");
  let state = model.get("state");
  let timer = null; // of Play
  let frame = null; // of the movement between two steps

  const card = element("section", { class: "nnw", id: spec.name, "aria-labelledby": `${id}-title` });
  for (const [meaning, [light, dark]] of Object.entries(spec.palette))
    card.style.setProperty(`--nnw-${meaning}`, `light-dark(${light}, ${dark})`);
  const button = (action, text, label) => {
    const node = element("button", { type: "button", "data-action": action, "aria-label": label }, text);
    node.addEventListener("click", () => actions[action]());
    return node;
  };

  // Controls are native elements, made once and never replaced, so that focus stays where it is.
  const inputs = spec.controls.map((control) => {
    const own = { id: `${id}-${control.name}`, "data-control": control.name };
    const label = element("label", { for: own.id }, control.label);
    if (control.kind === "menu") {
      const input = element("select", own, ...control.texts.map((text, i) => element("option", { value: i }, text)));
      input.addEventListener("change", () => choose(control, Number(input.value)));
      const show = () => (input.value = state[control.name]);
      return { control, show, node: element("div", { class: "nnw-control" }, label, input) };
    }
    const input = element("input", { ...own, type: "range", min: 0, max: control.values.length - 1, step: 1 });
    const output = element("output", { for: own.id });
    input.addEventListener("input", () => choose(control, Number(input.value)));
    const show = () => {
      const text = control === steps ? `${state.step} of ${last(state)}` : control.texts[state[control.name]];
      if (control === steps) input.max = last(state);
      input.value = state[control.name];
      input.setAttribute("aria-valuetext", text);
      output.textContent = text;
    };
    return { control, show, node: element("div", { class: "nnw-control" }, label, output, input) };
  });

  const last = (of) => read("#last", of);
  const pause = () => {
    clearInterval(timer);
    timer = null;
    if (steps) playing.textContent = "Play";
  };
  const walk = (step) => go({ ...state, step: Math.max(0, Math.min(step, last(state))) }, true);
  const actions = {
    reset: () => {
      pause();
      go(Object.fromEntries(spec.controls.map((control) => [control.name, control.default])));
    },
    first: () => (pause(), walk(0)),
    back: () => (pause(), walk(state.step - 1)),
    next: () => (pause(), walk(state.step + 1)),
    last: () => (pause(), walk(last(state))),
    play: () => {
      if (timer) return pause();
      if (state.step >= last(state)) walk(0);
      playing.textContent = "Pause";
      timer = setInterval(() => {
        walk(state.step + 1);
        if (state.step >= last(state)) pause();
      }, STEP_MS);
    },
  };
  const playing = button("play", "Play");
  const walking = steps && [
    button("first", "«", "First step"),
    button("back", "Back"),
    button("next", "Next"),
    button("last", "»", "Last step"),
    playing,
  ];

  const items = spec.panels.map((panel, i) =>
    panel.columns ? makeTable(panel, i, spec) : makePanel(panel, i, spec, rgb),
  );
  const readouts = spec.readouts.map(({ key, label, format }) => {
    const value = element("strong", { "data-readout": key });
    const show = (result) => (value.textContent = typeof result === "string" ? result : number(result, format));
    return { key, show, node: element("div", {}, element("span", {}, label), value) };
  });
  const says = element("p", { class: "nnw-says", "aria-live": "polite" });
  const panels = element("div", { class: "nnw-panels" }, ...items.map((item) => item.figure));
  const stepControl = inputs.find(({ control }) => control === steps);
  const others = inputs.filter(({ control }) => control !== steps);
  const head = element("p", { class: "nnw-title", id: `${id}-title` }, spec.title);
  card.append(element("div", { class: "nnw-head" }, head, button("reset", "Reset", `Reset: ${spec.title}`)));
  if (others.length) card.append(element("div", { class: "nnw-controls" }, ...others.map(({ node }) => node)));
  if (steps) card.append(element("div", { class: "nnw-steps" }, element("div", {}, ...walking), stepControl.node));
  card.append(panels);
  if (readouts.length) card.append(element("div", { class: "nnw-readouts" }, ...readouts.map(({ node }) => node)));
  card.append(says);
  el.append(card);

  // Colours of heat maps, as numbers, in the page's current scheme.
  function rgb(meaning) {
    says.style.color = `var(--nnw-${meaning})`;
    const numbers = getComputedStyle(says)
      .color.match(/[\d.]+/g)
      .map(Number);
    says.style.color = "";
    return numbers;
  }

  function sentence() {
    if ("#says" in spec.arrays) return now("#says");
    return spec.says.replace(/\{([^{}:]+)(?::([^{}]*))?\}/g, (_, name, format) => {
      const control = spec.controls.find((c) => c.name === name);
      if (control && !format) return control.texts[state[name]];
      const value = control ? control.values[state[name]] : read(name, state);
      return typeof value === "string" ? value : number(value, format || ".3g");
    });
  }

  const now = (name) => read(name, state);

  function drawPanels(get = now) {
    const description = `${spec.title} ${sentence()}`;
    for (const item of items) item.draw(item.exact ? now : get, description);
  }

  // Shows a state; `moving` lets the marks travel there, so that one sees what changed.
  function show(next, moving) {
    const before = state;
    state = next;
    for (const { show } of inputs) show();
    for (const { key, show } of readouts) show(read(key, state));
    const text = sentence();
    if (says.textContent !== text) says.textContent = text;
    for (const node of walking || []) {
      const action = node.dataset.action;
      const end = { first: 0, back: 0, next: last(state), last: last(state) }[action];
      node.setAttribute("aria-disabled", end === state.step);
    }
    cancelAnimationFrame(frame);
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    card.removeAttribute("data-moving");
    if (!moving || still) return drawPanels();
    const start = performance.now();
    const travel = (time) => {
      const t = Math.max(0, Math.min(1, (time - start) / TWEEN_MS));
      const eased = t * t * (3 - 2 * t);
      drawPanels(t < 1 ? (name) => between(read(name, before), now(name), eased) : now);
      card.toggleAttribute("data-moving", t < 1);
      if (t < 1) frame = requestAnimationFrame(travel);
    };
    travel(start);
  }

  function go(next, moving) {
    if (spec.controls.every(({ name }) => next[name] === state[name])) return;
    show(next, moving);
    model.set("state", next);
    model.save_changes();
  }

  function choose(control, index) {
    pause();
    const next = { ...state, [control.name]: index };
    // Another run, from its beginning; or its end, for those who are comparing ends.
    if (steps && control !== steps) next.step = state.step > 0 && state.step === last(state) ? last(next) : 0;
    go(next);
  }

  function layout() {
    const width = panels.clientWidth;
    if (!width || !items.length) return;
    const most = items.length === 4 ? 2 : 3;
    const columns = width >= 600 ? Math.min(items.length, most) : 1;
    const shares = items.slice(0, columns).map((item) => item.weight);
    const gap = 24;
    const share = (width - gap * (columns - 1)) / shares.reduce((a, b) => a + b, 0);
    panels.style.gridTemplateColumns = shares.map((weight) => `minmax(0, ${weight}fr)`).join(" ");
    for (let i = 0; i < items.length; i += columns) {
      const row = items.slice(i, i + columns);
      const height = row.length > 1 ? Math.max(...row.map((item, k) => item.height(share * shares[k]))) : undefined;
      row.forEach((item, k) => item.resize(Math.floor(share * shares[k]), height));
    }
    drawPanels();
  }

  const outside = () => {
    const next = model.get("state");
    if (spec.controls.some(({ name }) => next[name] !== state[name])) show(next);
  };
  model.on("change:state", outside);

  // JupyterLab takes keys such as the arrows before a slider gets them, unless they stop here; the slider still moves.
  const keep = (event) => {
    const leaves = event.key === "Tab" || event.key === "Escape" || event.ctrlKey || event.metaKey || event.altKey;
    if (card.contains(event.target) && !leaves) event.stopPropagation();
  };
  window.addEventListener("keydown", keep, true);

  const resized = new ResizeObserver(layout);
  resized.observe(panels);
  const themes = new MutationObserver(layout);
  for (const node of [document.documentElement, document.body])
    themes.observe(node, { attributeFilter: ["class", "theme", "data-theme", "data-jp-theme-light"] });
  const scheme = matchMedia("(prefers-color-scheme: dark)");
  scheme.addEventListener("change", layout);

  show(state);
  layout();
  return () => {
    pause();
    cancelAnimationFrame(frame);
    model.off("change:state", outside);
    window.removeEventListener("keydown", keep, true);
    resized.disconnect();
    themes.disconnect();
    scheme.removeEventListener("change", layout);
  };
}

// A result on the way from one step to the next.
function between(a, b, t) {
  const mixed = (from, to) => (Number.isFinite(from) ? from + (to - from) * t : to);
  if (typeof b === "number") return mixed(a, b);
  if (!b.cell || a.values.length !== b.values.length) return b;
  return { cell: b.cell, values: Float64Array.from(b.values, (to, i) => mixed(a.values[i], to)) };
}

export default { render };
