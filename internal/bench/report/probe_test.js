"use strict";
// Looks at the pages in the frames as a reader would: what sticks out, which labels meet.
addEventListener("load", () => {
  const found = [];
  for (const frame of document.querySelectorAll("iframe")) {
    const doc = frame.contentDocument, width = Number(frame.width);
    const page = {Name: frame.name, Width: width, Charts: 0, Wide: [], Overlaps: [], Outside: [], Unnamed: 0, Loads: [], Colours: [], Small: []};
    const style = frame.contentWindow.getComputedStyle.bind(frame.contentWindow);
    for (const e of doc.querySelectorAll("body *")) {
      const own = [...e.childNodes].some(n => n.nodeType === Node.TEXT_NODE && n.textContent.trim());
      if (own && e.getClientRects().length && !e.closest("svg, script") && parseFloat(style(e).fontSize) < 12) page.Small.push(e.textContent.slice(0, 40) + ": " + style(e).fontSize);
    }
    if (doc.documentElement.scrollWidth > width) page.Wide.push("the page: " + doc.documentElement.scrollWidth);
    for (const e of doc.querySelectorAll("body *")) {
      if (e.closest(".scroll table") || e.closest("svg") && !e.matches("svg.chart") || e.closest("script, [hidden]")) continue;
      const r = e.getBoundingClientRect();
      if (r.right > width + 0.5 || r.left < -0.5) page.Wide.push(e.tagName + " " + e.className + " " + e.textContent.slice(0, 40));
    }
    for (const e of doc.querySelectorAll("[src], [href], [srcset], [data], [poster], object, embed, iframe, img, link, use, image")) {
      page.Loads.push(e.outerHTML.slice(0, 80));
    }
    for (const svg of doc.querySelectorAll("svg.chart")) {
      page.Charts++;
      const title = svg.querySelector(":scope > title"), desc = svg.querySelector(":scope > desc");
      if (svg.getAttribute("role") !== "img" || !title?.textContent || !desc?.textContent) page.Unnamed++;
      const figure = svg.closest("figure"), all = figure.getBoundingClientRect();
      const labels = [...figure.querySelectorAll(".plot span, .ytitle, .xtitle, .legend li")].filter(e => e.getClientRects().length).map(e => ({text: e.textContent, r: e.getBoundingClientRect()}));
      if (svg.getBoundingClientRect().width < 0.5 * Math.min(width, 1080)) page.Outside.push(title?.textContent + ": " + svg.getBoundingClientRect().width + " pixels for the plot");
      labels.forEach((a, i) => {
        if (a.r.left < all.left - 0.5 || a.r.right > all.right + 0.5 || a.r.top < all.top - 0.5 || a.r.bottom > all.bottom + 0.5) {
          page.Outside.push(title?.textContent + ": " + a.text);
        }
        for (const b of labels.slice(i + 1)) {
          const across = Math.min(a.r.right, b.r.right) - Math.max(a.r.left, b.r.left);
          const down = Math.min(a.r.bottom, b.r.bottom) - Math.max(a.r.top, b.r.top);
          // Boxes of lines are taller than their letters.
          if (across > 0 && down > 0.3 * Math.min(a.r.height, b.r.height)) page.Overlaps.push(title?.textContent + ": " + a.text + " / " + b.text);
        }
      });
      for (const e of svg.querySelectorAll(".line, .cell, .fill, .dot, .median, .range")) {
        const s = style(e), paint = e.matches(".cell, .fill") ? s.fill : s.stroke;
        if (paint === "none" || paint === "" || paint === "rgb(0, 0, 0)") page.Colours.push(e.getAttribute("class"));
      }
    }
    found.push(page);
  }
  document.getElementById("found").textContent = JSON.stringify(found);
});
