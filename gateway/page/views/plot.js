// The trend of a device: uPlot, drawn beside lit because it keeps a canvas of its own.
// Lines are steps: only changes are told, and between two of them the value stood.

const STROKES = [[], [8, 4], [2, 3], [12, 3, 2, 3]]; // lines are told apart by their dashes, not by colours
const WINDOW = 300; // seconds

let plot = null, box = null, drawn = "";

export const plotted = (state) => {
  if (state.plotted !== null) return state.plotted.filter((tag) => state.lines[tag]?.length);
  const described = state.device?.tags ?? {};
  const names = Object.keys(described).filter((tag) => state.lines[tag]?.length);
  const measured = names.filter((tag) => described[tag].access === "ro");
  const first = measured.find((tag) => described[tag].unit) ?? measured[0] ?? names[0];
  return first === undefined ? [] : [first];
};

export const drawPlot = (state, live) => {
  const target = document.querySelector("#plot");
  if (!target || state.now === null) return forget();
  const names = plotted(state);
  document.querySelector("#plot-title").textContent = names.length ? `${names.join(", ")}, last 5 minutes` : "Choose a tag for the trend";
  const width = target.clientWidth;
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  const wanted = JSON.stringify([names, width, dark]);
  if (target !== box || wanted !== drawn) {
    forget();
    if (!width || !names.length) return;
    [box, drawn] = [target, wanted];
    plot = new uPlot(options(names, width), data(state, live, names), target);
  } else {
    plot.setData(data(state, live, names));
  }
};

const forget = () => {
  plot?.destroy();
  [plot, box, drawn] = [null, null, ""];
};

const data = (state, live, names) => {
  const tables = names.map((tag) => {
    const line = state.lines[tag].filter(([at]) => at >= state.now - WINDOW);
    const last = state.lines[tag][state.lines[tag].length - 1];
    const alive = state.topics.device?.content?.alive;
    const entry = state.topics.device?.content?.tags?.[tag];
    const points = live && last && last[1] !== null && alive > last[0] && !entry?.error ? [...line, [alive, last[1]]] : line;
    return [points.map(([at]) => at), points.map(([, value]) => value)];
  });
  return tables.length === 1 ? tables[0] : uPlot.join(tables, tables.map((table) => table.slice(1).map(() => 2)));
};

const options = (names, width) => {
  const style = getComputedStyle(document.documentElement);
  const ink = style.getPropertyValue("--muted").trim();
  const grid = {stroke: style.getPropertyValue("--line").trim(), width: 1};
  const axis = {stroke: ink, grid, ticks: grid, font: "12px system-ui"};
  return {
    width, height: 180, legend: {show: names.length > 1}, cursor: {show: false},
    scales: {x: {time: true}},
    axes: [{...axis, values: (_, times) => times.map((at) => new Date(at * 1000).toLocaleTimeString("en-GB"))}, {...axis, size: 60}],
    series: [{}, ...names.map((label, index) => ({label, stroke: ink, width: 1.5, paths: uPlot.paths.stepped({align: 1}), dash: STROKES[index], points: {show: false}}))],
  };
};
