// A block, its lines and its rows light up together; a click keeps them lit. The page is whole without it.
(function () {
  "use strict";
  var byBlock = new Map(), pinned = null;
  document.documentElement.classList.remove("nojs");
  document.querySelectorAll("[data-b]").forEach(function (element) {
    element.dataset.b.split(" ").forEach(function (number) {
      if (!byBlock.has(number)) byBlock.set(number, []);
      byBlock.get(number).push(element);
    });
  });
  function light(numbers) {
    document.querySelectorAll(".hot").forEach(function (element) { element.classList.remove("hot"); });
    document.querySelectorAll("tr[data-h]").forEach(function (row) {
      if (row.dataset.h) row.style.setProperty("--h", row.dataset.h);
    });
    (numbers || []).forEach(function (number) {
      (byBlock.get(number) || []).forEach(function (element) {
        element.classList.add("hot");
        if (numbers.length === 1 && element.tagName === "TR") {
          var box = document.querySelector('.box[data-b="' + number + '"]');
          if (box) element.style.setProperty("--h", box.style.getPropertyValue("--h"));
        }
      });
    });
  }
  function owner(event) {
    var element = event.target.closest("[data-b]");
    return element ? { element: element, numbers: element.dataset.b.split(" ") } : null;
  }
  function reveal(selector, numbers, within) {
    for (var i = 0; i < numbers.length; i++) {
      var found = Array.prototype.find.call(document.querySelectorAll(selector), function (element) {
        return element.getClientRects().length && element.dataset.b.split(" ").indexOf(numbers[i]) >= 0;
      });
      if (!found) continue;
      var pane = found.closest(".scroll"), place = found.getBoundingClientRect(), frame = pane.getBoundingClientRect();
      pane.scrollBy({ top: place.top - frame.top - frame.height / 3, left: place.left < frame.left || place.right > frame.right
        ? place.left - frame.left - 40 : 0, behavior: "smooth" });
      return;
    }
  }
  document.addEventListener("mouseover", function (event) {
    if (pinned) return;
    var found = owner(event);
    light(found ? found.numbers : null);
  });
  document.addEventListener("click", function (event) {
    if (event.target.closest("button, label, summary, a")) return;
    var found = owner(event);
    if (!found || (pinned && found.numbers.join() === pinned.join())) { pinned = null; light(null); return; }
    pinned = found.numbers;
    light(pinned);
    if (found.element.closest(".graph")) reveal(".src tr[data-b]", pinned);
    else reveal(".graph .box", pinned);
  });
  document.querySelectorAll(".src").forEach(function (table, position) {
    var first = table.querySelector("tr[data-b]"), pane = table.closest(".scroll");
    if (position === 0 && first && first.offsetTop > pane.clientHeight / 2) pane.scrollTop = first.offsetTop - 90;
  });
  document.querySelectorAll(".graphs").forEach(function (pane) {
    var zoom = 1;
    function all() { return pane.querySelectorAll(".graph svg.flow"); }
    function apply() {
      all().forEach(function (svg) {
        var size = svg.viewBox.baseVal;
        svg.setAttribute("width", size.width * zoom);
        svg.setAttribute("height", size.height * zoom);
      });
    }
    function fit(whole) {
      var graph = Array.prototype.find.call(pane.querySelectorAll(".graph"), function (each) { return each.clientWidth; });
      if (!graph) return;
      var size = graph.querySelector("svg.flow").viewBox.baseVal;
      zoom = Math.min(1, (graph.clientWidth - 14) / size.width);
      if (whole) zoom = Math.min(zoom, (graph.closest(".scroll").clientHeight - 14) / size.height);
      else zoom = Math.max(zoom, 0.62);
      apply();
      var scroll = graph.closest(".scroll"), entry = graph.querySelector(".entry").getBoundingClientRect();
      scroll.scrollLeft += entry.left + entry.width / 2 - scroll.getBoundingClientRect().left - scroll.clientWidth / 2;
    }
    pane.querySelectorAll("button[data-zoom]").forEach(function (button) {
      button.addEventListener("click", function () {
        if (button.dataset.zoom === "fit") return fit(true);
        zoom = Math.min(4, Math.max(0.05, zoom * Number(button.dataset.zoom)));
        apply();
      });
    });
    pane.addEventListener("wheel", function (event) {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      zoom = Math.min(4, Math.max(0.05, zoom * (event.deltaY < 0 ? 1.12 : 1 / 1.12)));
      apply();
    }, { passive: false });
    fit(false);
  });
})();
