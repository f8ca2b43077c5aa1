// SPDX-License-Identifier: Apache-2.0
/* Lines over time, by uPlot (vendor/), which is loaded when the first chart is drawn.
 *
 *   await chart(root, page, {label: 'Records an hour', times: [iso...], series: [{label: 'Captured', values: [...], tone: 'info', format: num}], height: 180})
 *       gives {update({times, series})}. Values that are not known are null. Tones: info ok warn bad wait accent. `fill: true` for the area below, `bars: true`
 *       for columns. The chart follows its container's width and the theme; a screen reader gets a summary, and `label` is its name.
 *   spark(values, {label, tone})   a tiny line without axes, an <svg> */
import {h, svg, fill} from './dom.js';
import {compact, money} from './format.js';

let loading = null;
function load() {
    loading ??= new Promise((resolve, reject) => {
        document.head.append(h('link', {rel: 'stylesheet', href: '/vendor/uPlot.min.css'}),
            h('script', {src: '/vendor/uPlot.iife.min.js', onload: () => resolve(globalThis.uPlot), onerror: () => { loading = null; reject(new Error('The chart could not be loaded.')); }}));
    });
    return loading;
}

/* A token's colour as the canvas needs it: light-dark() resolved for the theme that holds. */
function colour(name) {
    const probe = h('span', {hidden: true});
    document.body.append(probe);
    probe.style.color = `var(--${name})`;
    const text = getComputedStyle(probe).color;
    probe.remove();
    return text;
}
const stroke = (tone = 'info') => colour(tone === 'accent' ? 'accent' : tone === 'wait' ? 'wait' : `${tone}-fill`);

/* Times below a chart: the day where it begins, the clock elsewhere; as in the tables. */
const day = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short'}), clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit'}), exact = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit'});
function tickText(t, before, step) {
    const text = day.format(t * 1000);
    return step >= 86400 ? text : before === null || day.format(before * 1000) !== text ? `${clock.format(t * 1000)}\n${text}` : clock.format(t * 1000);
}

/* Values with nothing known on either side: no line goes through them, so they get a dot. */
function lonely(values) {
    const known = (v) => v !== null && v !== undefined;
    return values.flatMap((v, at) => (known(v) && !known(values[at - 1]) && !known(values[at + 1]) ? [at] : []));
}

/* Money where there is no room for all of it: 78451 -> $78.5K. */
export function moneyShort(value, currency) {
    return value < 1000 ? money(String(Math.round(value * 100) / 100), currency) : money('1', currency).replace('1.00', compact(value));
}

function summary(label, series) {
    return `${label}: ${series.map(({label: name, values, format = compact}) => {
        const known = values.filter((v) => v !== null && v !== undefined);
        return known.length ? `${name} from ${format(Math.min(...known))} to ${format(Math.max(...known))}, last ${format(known.at(-1))}` : `${name}: nothing known`;
    }).join('; ')}`;
}

export async function chart(root, page, {label, times, series, height = 180}) {
    const uPlot = await load();
    if (page.signal.aborted)
        return {update() {}};
    const box = h('div', {class: 'chart', role: 'img'});
    root.append(box);
    let plot = null, data = {times, series};
    const table = () => [data.times.map((t) => Date.parse(t) / 1000), ...data.series.map((s) => s.values)];
    function draw() {
        plot?.destroy();
        fill(box);
        box.setAttribute('aria-label', summary(label, data.series));
        const font = `12px ${getComputedStyle(document.body).fontFamily}`;
        const axis = {stroke: colour('muted'), font, grid: {stroke: colour('line'), width: 1}, ticks: {show: false}};
        /* As wide as the longest text of the axis. */
        const widest = (_, texts) => Math.max(52, ...(texts ?? []).map((t) => String(t).length * 7 + 14));
        plot = new uPlot({
            width: Math.max(200, box.clientWidth), height, padding: [8, 20, 0, 0], cursor: {y: false, drag: {x: false, y: false}}, legend: {live: true},
            scales: {x: {time: true}, y: {range: (_, low, high) => [Math.min(0, low ?? 0), Math.max(1, (high ?? 1) * 1.08)]}},
            axes: [{...axis, space: 64, values: (_, ticks, __, ___, step) => ticks.map((t, at) => tickText(t, at ? ticks[at - 1] : null, step))}, {...axis, size: widest, values: (_, ticks) => ticks.map((t) => (data.series[0].format ?? compact)(t))}],
            series: [{label: 'Time', value: (_, t) => t ? exact.format(t * 1000) : '–'}, ...data.series.map((s) => ({label: s.label, stroke: stroke(s.tone), width: 1.75, points: {show: () => !s.bars, size: 5, filter: (u, at) => lonely(u.data[at])}, value: (_, v) => v === null || v === undefined ? '–' : (s.format ?? compact)(v),
                fill: s.fill || s.bars ? stroke(s.tone).replace(/^rgb\((.*)\)$/, 'rgba($1, .16)') : undefined, paths: s.bars ? uPlot.paths.bars({size: [0.7, 28]}) : undefined}))],
        }, table(), box);
    }
    draw();
    const resized = new ResizeObserver(() => { if (plot && box.clientWidth && Math.abs(plot.width - box.clientWidth) > 1) plot.setSize({width: box.clientWidth, height}); });
    resized.observe(box);
    addEventListener('theme', draw);
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    scheme.addEventListener('change', draw);
    page.leave(() => { resized.disconnect(); removeEventListener('theme', draw); scheme.removeEventListener('change', draw); plot?.destroy(); plot = null; });
    return {update(more) { data = {...data, ...more}; if (plot) { plot.setData(table()); box.setAttribute('aria-label', summary(label, data.series)); } }};
}

export function spark(values, {label = '', tone = 'info'} = {}) {
    const high = Math.max(1, ...values), step = 100 / Math.max(1, values.length - 1);
    const points = values.map((v, at) => `${(at * step).toFixed(1)},${(22 - (v ?? 0) / high * 20).toFixed(1)}`).join(' ');
    return svg('svg', {class: 'spark', dataset: {tone}, viewBox: '0 0 100 24', preserveAspectRatio: 'none', role: 'img', 'aria-label': label}, svg('polyline', {points}));
}
