'use strict';
(() => {
  const tip = document.createElement('div');
  tip.id = 'tip';
  tip.setAttribute('role', 'status');
  tip.hidden = true;
  document.body.append(tip);

  // Shows what is in the tip beside a point of the window, within it.
  const place = (x, y) => {
    tip.hidden = false;
    const { width, height } = tip.getBoundingClientRect();
    const room = document.documentElement.clientWidth;
    let left = x + 14;
    if (left + width > room - 8) left = x - width - 14;
    left = Math.max(8, Math.min(left, room - width - 8));
    let top = y - height - 12;
    if (top < 8) top = y + 18;
    tip.style.left = `${left + scrollX}px`;
    tip.style.top = `${top + scrollY}px`;
  };
  const hide = () => { tip.hidden = true; };

  // Charts: the values at the place nearest to the pointer.
  for (const chart of document.querySelectorAll('.chart')) {
    const data = JSON.parse(chart.dataset.chart);
    const plot = chart.querySelector('.plot');
    const marks = [];
    let at = -1;
    const clear = () => {
      marks.splice(0).forEach((mark) => mark.remove());
      at = -1;
      hide();
    };
    const mark = (name, style) => {
      const element = document.createElement('i');
      element.className = name;
      Object.assign(element.style, style);
      plot.append(element);
      marks.push(element);
    };
    const read = (i) => {
      if (i < 0 || i >= data.x.length) return;
      if (i !== at) {
        clear();
        at = i;
        mark('cross', { left: `${100 * data.x[i]}%` });
        const title = document.createElement('b');
        title.textContent = `${data.point} ${data.names[i]}`;
        const rows = [];
        data.series.forEach((series, s) => {
          if (i >= series.text.length) return;
          const colour = `s${s % 4 + 1}`;
          if (series.y[i] !== null) {
            mark(`marker ${colour}`, { left: `${100 * data.x[i]}%`, top: `${100 * series.y[i]}%` });
          }
          const row = document.createElement('div');
          row.className = colour;
          row.append(series.label);
          const value = document.createElement('span');
          value.textContent = series.text[i];
          row.append(value);
          rows.push(row);
        });
        tip.replaceChildren(title, ...rows);
      }
      const box = plot.getBoundingClientRect();
      place(box.left + data.x[i] * box.width, box.top + 24);
    };
    const nearest = (event) => {
      const box = plot.getBoundingClientRect();
      const x = (event.clientX - box.left) / box.width;
      let best = 0;
      data.x.forEach((value, i) => {
        if (Math.abs(value - x) < Math.abs(data.x[best] - x)) best = i;
      });
      return best;
    };
    plot.addEventListener('pointermove', (event) => read(nearest(event)));
    plot.addEventListener('pointerdown', (event) => read(nearest(event)));
    plot.addEventListener('pointerleave', clear);
    plot.addEventListener('blur', clear);
    plot.addEventListener('keydown', (event) => {
      const last = data.x.length - 1;
      const to = { ArrowLeft: at < 0 ? last : at - 1, ArrowRight: at + 1, Home: 0, End: last };
      if (event.key === 'Escape') clear();
      if (!(event.key in to)) return;
      event.preventDefault();
      read(Math.max(0, Math.min(last, to[event.key])));
    });
  }

  // Everything else that has something to say.
  const show = (event) => {
    const target = event.target.closest && event.target.closest('[data-tip]');
    if (!target) {
      if (!(event.target.closest && event.target.closest('.plot'))) hide();
      return;
    }
    tip.textContent = target.dataset.tip;
    place(event.clientX, event.clientY);
  };
  document.addEventListener('pointermove', show);
  document.addEventListener('pointerdown', show);
})();
