// Draws the figures of a Corebound report. Everything it needs is in the page; it asks nobody for anything.
"use strict";
(() => {
  const ink = "#1c2733";
  const shown = (value) => (typeof value === "number" ? String(Number(value.toPrecision(5))) : String(value ?? "-"));
  const lines = { lineStyle: { color: "#e4e8ed" } };
  const axis = { axisLine: { lineStyle: { color: "#8a929c" } }, axisLabel: { color: "#47515c", hideOverlap: true }, splitLine: lines };
  echarts.registerTheme("corebound", {
    textStyle: { fontFamily: "system-ui, 'Segoe UI', Roboto, 'Helvetica Neue', 'DejaVu Sans', sans-serif", color: ink },
    legend: { textStyle: { color: ink }, icon: "roundRect", itemWidth: 14, itemHeight: 8 },
    valueAxis: axis, categoryAxis: axis, logAxis: axis,
  });
  const charts = JSON.parse(document.getElementById("figures").textContent).map(({ key, renderer, option }) => {
    const place = document.getElementById(`plot-${key}`);
    place.textContent = "";
    const chart = echarts.init(place, "corebound", { renderer });
    chart.on("finished", () => { place.dataset.drawn = String(chart.getZr().storage.getDisplayList(true).length); });
    chart.setOption({
      animation: false,
      aria: { enabled: true },
      ...option,
      tooltip: { confine: true, valueFormatter: shown, ...option.tooltip },
    });
    return { chart, place };
  });
  const fit = () => charts.forEach(({ chart }) => chart.resize());
  let waiting = 0;
  addEventListener("resize", () => { clearTimeout(waiting); waiting = setTimeout(fit, 100); });
  addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.dataset.was = String(each.open); each.open = true; });
    // A page of A4 or Letter is narrower than most windows; what is drawn in the next frame would come too late.
    charts.forEach(({ chart, place }) => { chart.resize({ width: Math.min(630, place.clientWidth) }); chart.getZr().flush(); });
  });
  addEventListener("afterprint", () => {
    document.querySelectorAll("details").forEach((each) => { each.open = each.dataset.was === "true"; });
    charts.forEach(({ chart }) => chart.resize({ width: "auto" }));
  });
})();
