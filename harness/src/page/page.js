// Shows the values below the pointer, in every plot with the same axis at once. Without "less than" and "and" signs: the page is XML.
"use strict";
const plots = [...document.querySelectorAll("figure.plot")].map((figure) => {
  const values = figure.querySelector('script[type="application/json"]');
  const tip = document.createElement("div");
  tip.className = "tip";
  tip.hidden = true;
  figure.append(tip);
  return { figure, tip, data: values ? JSON.parse(values.textContent) : null };
});

const nearest = (places, share) => {
  let best = 0;
  places.forEach((place, index) => {
    if (Math.abs(places[best] - share) > Math.abs(place - share)) best = index;
  });
  return best;
};

const hide = () => plots.forEach(({ figure, tip }) => {
  tip.hidden = true;
  figure.querySelectorAll(".cross").forEach((line) => line.setAttribute("visibility", "hidden"));
});

const show = ({ figure, tip, data }, share, isPointed) => {
  const svg = [...figure.querySelectorAll("svg")].find((one) => one.getClientRects().length > 0);
  if (!svg) return;
  const index = nearest(data.places, share);
  const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
  const x = left + data.places[index] * (right - left);
  const cross = svg.querySelector(".cross");
  cross.setAttribute("x1", x);
  cross.setAttribute("x2", x);
  cross.setAttribute("visibility", "visible");
  tip.hidden = !isPointed;
  if (!isPointed) return;
  const moment = document.createElement("b");
  moment.textContent = data.moments[index];
  const lines = data.lines.map((line, number) => {
    const span = document.createElement("span");
    span.className = "c" + (number % 8);
    span.textContent = line.name + " " + (line.values[index] ?? "–");
    return span;
  });
  tip.replaceChildren(moment, ...lines);
  const shown = svg.getBoundingClientRect(), own = figure.getBoundingClientRect();
  const at = shown.left - own.left + x / svg.viewBox.baseVal.width * shown.width;
  const fits = own.width > at + tip.offsetWidth + 14;
  tip.style.left = (fits ? at + 12 : Math.max(0, at - tip.offsetWidth - 12)) + "px";
  tip.style.top = (shown.top - own.top + 24) + "px";
};

plots.filter((plot) => plot.data).forEach((plot) => {
  plot.figure.addEventListener("pointermove", (event) => {
    const svg = event.target.closest("svg");
    if (!svg) return hide();
    const box = svg.getBoundingClientRect();
    const x = (event.clientX - box.left) / box.width * svg.viewBox.baseVal.width;
    const left = Number(svg.dataset.left), right = Number(svg.dataset.right);
    const share = Math.min(1, Math.max(0, (x - left) / (right - left)));
    const span = JSON.stringify(plot.data.span);
    hide();
    plots.filter((other) => other.data ? JSON.stringify(other.data.span) === span : false)
      .forEach((other) => show(other, share, other === plot));
  });
  plot.figure.addEventListener("pointerleave", hide);
});
