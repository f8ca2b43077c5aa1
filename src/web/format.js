// SPDX-License-Identifier: Apache-2.0
/* Values as people read them. What is not known (null, undefined) is an en dash, never 0. Functions give text; those whose name begins with a capital give
 * elements. Times are shown in the reader's zone, with the exact one in the title. */
import {h} from './dom.js';

export const NONE = '–';
const number = new Intl.NumberFormat('en-US');
const short = new Intl.NumberFormat('en-US', {notation: 'compact', maximumFractionDigits: 1});
const known = (value) => value !== null && value !== undefined && value !== '';

export const num = (value) => known(value) ? number.format(value) : NONE;
/* 12,345 -> 12.3K: where there is no room. */
export const compact = (value) => known(value) ? value < 10000 ? number.format(value) : short.format(value) : NONE;
export const percent = (part, whole) => known(part) && whole > 0 ? `${Math.floor(part / whole * 1000) / 10}%` : NONE;
/* 0..1 as percent; for rates. */
export const ratio = (value) => known(value) ? `${Math.round(value * 1000) / 10}%` : NONE;
export const plural = (count, one, many = `${one}s`) => `${num(count)} ${count === 1 ? one : many}`;

export function bytes(value) {
    if (!known(value))
        return NONE;
    const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
    let unit = 0;
    for (; value >= 1024 && unit < units.length - 1; unit++)
        value /= 1024;
    return `${unit && value < 100 ? value.toFixed(1) : Math.round(value)} ${units[unit]}`;
}

/* Money is text and stays text: no sum is ever made of it here that a float could spoil. At least two decimals. */
const SIGNS = {USD: '$', EUR: '€', GBP: '£'};
export function money(text, currency = '') {
    if (!known(text))
        return NONE;
    const match = /^(-?)(\d+)(?:\.(\d+))?$/.exec(String(text));
    if (!match)
        return clip(String(text), 40);
    const grouped = match[2].replace(/\B(?=(\d{3})+$)/g, ',');
    const amount = `${grouped}.${(match[3] ?? '').padEnd(2, '0')}`;
    return SIGNS[currency] ? `${match[1]}${SIGNS[currency]}${amount}` : `${match[1]}${amount}${currency ? ` ${clip(currency, 8)}` : ''}`;
}

/* 3723 -> "1 h 2 min"; two units at most. */
export function duration(seconds) {
    if (!known(seconds) || !Number.isFinite(Number(seconds)))
        return NONE;
    const s = Math.max(0, Math.round(Number(seconds))), unit = (value, name) => `${value}\u00a0${name}`;
    const two = (a, aName, b, bName) => b ? `${unit(a, aName)} ${unit(b, bName)}` : unit(a, aName);
    if (s < 60)
        return unit(s, 's');
    if (s < 3600)
        return s < 600 ? two(Math.floor(s / 60), 'min', s % 60, 's') : unit(Math.floor(s / 60), 'min');
    if (s < 86400)
        return two(Math.floor(s / 3600), 'h', Math.floor(s % 3600 / 60), 'min');
    return two(Math.floor(s / 86400), 'd', Math.floor(s % 86400 / 3600), 'h');
}
export const milliseconds = (ms) => !known(ms) ? NONE : ms < 1000 ? `${Math.round(ms)} ms` : ms < 60000 ? `${(ms / 1000).toFixed(1)} s` : duration(ms / 1000);

/* The server's clock: the reader's may be wrong, and "in 2 h" of something that happened would be too. */
let ahead = 0;
export const serverClock = (date) => { const at = Date.parse(date); if (!Number.isNaN(at)) ahead = Math.abs(at - Date.now()) > 20000 ? at - Date.now() : 0; };
export const now = () => Date.now() + ahead;

export function ago(iso, at0 = now()) {
    const at = Date.parse(iso);
    if (!known(iso) || Number.isNaN(at))
        return NONE;
    const s = Math.round((at0 - at) / 1000);
    if (Math.abs(s) < 5)
        return 'now';
    const [span] = duration(Math.abs(s)).split(' '); /* the greater unit is enough */
    return s > 0 ? `${span}\u00a0ago` : `in\u00a0${span}`;
}
const moment = new Intl.DateTimeFormat('en-GB', {day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', second: '2-digit'});
const clock = new Intl.DateTimeFormat('en-GB', {hour: '2-digit', minute: '2-digit', second: '2-digit'});
export function time(iso) {
    const at = Date.parse(iso);
    return Number.isNaN(at) ? NONE : moment.format(at);
}
export function clockTime(iso) {
    const at = Date.parse(iso);
    return Number.isNaN(at) ? NONE : clock.format(at);
}

/* "3 min ago", which keeps itself right (tick below); the exact time when pointed at. */
export function Ago(iso) {
    return Number.isNaN(Date.parse(iso)) ? h('span', {class: 'muted'}, NONE) : h('time', {datetime: iso, title: time(iso), dataset: {ago: ''}}, ago(iso));
}
export function Time(iso) {
    return Number.isNaN(Date.parse(iso)) ? h('span', {class: 'muted'}, NONE) : h('time', {datetime: iso, title: iso}, time(iso));
}
/* Called by the shell every few seconds. */
export function tick(root = document) {
    for (const element of root.querySelectorAll('time[data-ago]')) {
        const text = ago(element.dateTime);
        if (element.textContent !== text)
            element.textContent = text;
    }
}

/* Foreign text: bounded, and without what turns or hides other text (bidirectional controls, control characters: shown by their number). */
const HIDDEN = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff]/g;
export const plain = (text) => text.replace(HIDDEN, (c) => `‹U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`);
export function clip(text, most = 200) {
    text = String(text ?? '');
    return text.length <= most ? plain(text) : `${plain(text.slice(0, most).replace(/[\ud800-\udbff]$/, ''))}…`;
}
/* The same in an element of its own direction; what was cut is said. */
export function Text(text, most = 200) {
    text = String(text ?? '');
    return h('bdi', text.length > most ? {title: `${plain(text.slice(0, 1000))}${text.length > 1000 ? '…' : ''}`} : {}, text === '' ? NONE : clip(text, most),
        text.length > 5000 && h('span', {class: 'muted'}, ` (${bytes(text.length)})`));
}

/* A value of a job's or a record's JSON as one short text. Pairs are ranges, of which an end may be open. */
const isRange = (v) => Array.isArray(v) && v.length === 2 && v.some((end) => typeof end === 'number' || end === null) && v.every((end) => end === null || typeof end !== 'object');
function rangeText([from, to]) {
    const end = (v) => typeof v === 'number' ? num(v) : clip(v, 40);
    return from === null ? to === null ? 'any' : `up to ${end(to)}` : to === null ? `from ${end(from)}` : `${end(from)} to ${end(to)}`;
}
export function shortJson(value, most = 120) {
    if (Array.isArray(value) && value.length > 0 && value.every(isRange))
        return clip(value.slice(0, 10).map(rangeText).join(', '), most);
    if (typeof value === 'string')
        return clip(value, most);
    if (Array.isArray(value) && value.every((v) => v === null || typeof v !== 'object')) {
        const parts = value.slice(0, 30).map((v) => v === null ? '–' : clip(v, 40));
        return clip(parts.join(', ') + (value.length > 30 ? ` and ${num(value.length - 30)} more` : ''), most);
    }
    return clip(JSON.stringify(value) ?? '', most);
}
