// SPDX-License-Identifier: Apache-2.0
/* The journal of a job as people read it: what was asked, answered and captured of one page is one entry; every line can be seen too. */
import {h, fill, redraw, button} from './dom.js';
import {num, bytes, money, milliseconds, clip, plural, Ago, time, clockTime} from './format.js';
import {reasonOf, reasonText, capital} from './words.js';
import {errorState, skeleton} from './table.js';
import {job as jobPath, isAbort} from './api.js';

const LIMIT = 1000;
const MOST = 5000; /* lines that are kept; older pages of a very long job are left out in the middle */
const TONES = {captured: 'info', adopted: 'info', loaded: 'ok', completed: 'ok', failed: 'bad', rejected: 'bad', charge_unknown: 'warn', held: 'warn', deferred: 'wait', retrying: 'wait', cancelled: 'neutral', released: 'ok'};
const WHO = {web: 'on the web', mv: 'by mv', 'command line': 'on the command line'};

const details = {
    accepted: (e) => [e.priority && e.priority !== 'normal' && `priority ${e.priority}`, e.estimate?.records && `about ${plural(e.estimate.records, 'record')} expected`],
    previewed: (e) => [e.total !== undefined && plural(e.total, 'record'), e.cost !== undefined && money(e.cost, e.currency)],
    listed: (e) => [`${num(e.total)} ids`, `${num(e.owned)} owned already`, `${num(e.to_buy)} to buy`],
    requested: (e) => [e.paid ? `paid, ${e.max_cost !== undefined ? `${money(e.max_cost, e.currency)} at most` : ''}` : 'free'],
    answered: (e) => [e.status, bytes(e.bytes)],
    captured: (e) => [!e.inner && plural(e.records ?? 0, 'record'), bytes(e.bytes), e.cost !== undefined && Number(e.cost) > 0 && money(e.cost, e.currency), e.took_ms !== undefined && milliseconds(e.took_ms)],
    loaded: (e) => [plural(e.success_count ?? 0, 'record'), e.inserted !== undefined && `${num(e.inserted)} new, ${num(e.updated)} changed, ${num(e.unchanged)} the same`, e.error_count > 0 && `${num(e.error_count)} errors`],
    completed: (e) => [e.unique !== undefined && `${num(e.unique)} unique`, e.duplicates > 0 && `${num(e.duplicates)} duplicates`, e.failed > 0 && `${num(e.failed)} failed`, e.missing > (e.failed ?? 0) && `${num(e.missing - (e.failed ?? 0))} missing`],
    deferred: (e) => [e.until && `until ${time(e.until)}`],
    retrying: (e) => [e.until && `again at ${clockTime(e.until)}`],
    released: (e) => [e.decision && capital(e.decision)],
    requeued: (e) => [e.from && `from ${e.from}`],
    cancelled: (e) => [e.from && `from ${e.from}`],
    reprioritised: (e) => [e.priority],
    reviewed: (e) => [e.reviewed === undefined ? `${clip((e.field ?? `${e.cell ? `${e.cell} of ` : ''}a row of ${e.list}`).replaceAll('_', ' '), 80)}: ${clip(e.decision ?? '', 20)}` : e.reviewed ? 'the review is done' : 'opened again', e.reviewer && `by ${clip(e.reviewer, 60)}`],
    charge_unknown: (e) => [e.cost !== undefined && `${money(e.cost, e.currency)} at most`],
};
const TITLES = {accepted: 'Accepted', previewed: 'Price asked', listed: 'Ids listed', claimed: 'Begun', requested: 'Asked', answered: 'Answered', captured: 'Captured', adopted: 'Taken over after a restart', retrying: 'Tries again', charge_unknown: 'Charge in doubt', loaded: 'Loaded', deferred: 'Put off', held: 'Put on hold', released: 'Released', cancelled: 'Cancelled', requeued: 'Back in the queue', reprioritised: 'Priority changed', completed: 'Completed', failed: 'Failed', rejected: 'Could not be loaded', reshelved: 'To be loaded once more'};

/* Batches that were captured without trouble, and loads, one after the other: "pages 1 to 25". */
function fold(events) {
    const out = [];
    const settled = new Set(events.filter((e) => ['captured', 'charge_unknown', 'failed', 'retrying'].includes(e.event) && e.batch !== undefined).map((e) => `${e.batch}`));
    for (const e of events) {
        if (e.event === 'answered' || e.event === 'requested' && settled.has(`${e.batch}`))
            continue;
        const last = out.at(-1);
        if (['captured', 'loaded'].includes(e.event) && last?.event === e.event && last.first.step === e.step && e.batch === last.to + 1) {
            last.to = e.batch;
            last.end = e.ts;
            last.count++;
            for (const key of ['records', 'bytes', 'success_count', 'error_count', 'inserted', 'updated', 'unchanged'])
                if (e[key] !== undefined)
                    last.sum[key] = (last.sum[key] ?? 0) + e[key];
        } else
            out.push({event: e.event, from: e.batch, to: e.batch, end: e.ts, count: 1, first: e, sum: {records: e.records, bytes: e.bytes, success_count: e.success_count, error_count: e.error_count, inserted: e.inserted, updated: e.updated, unchanged: e.unchanged}});
    }
    return out;
}

/* How many batches have failed for good: none that was captured afterwards. */
function failedUnits(events) {
    const failed = new Set();
    for (const {event, batch} of events.filter((e) => e.batch !== undefined))
        if (event === 'failed')
            failed.add(batch);
        else if (event === 'captured')
            failed.delete(batch);
    return failed.size;
}

function entry(item, currency, word, failed) {
    const e = item.count > 1 ? {...item.sum, inner: item.first.inner} : item.first;
    const step = item.first.inner ? `, step ${clip(item.first.step, 64)}${item.first.part ? ` (part ${num(item.first.part)})` : ''}` : '';
    const pages = item.from === undefined ? '' : item.count > 1 ? `: ${word}s ${num(item.from)} to ${num(item.to)}` : `: ${item.first.item ? clip(item.first.item, 200) : `${word} ${num(item.from)}`}`;
    const facts = (details[item.event]?.({currency, failed, ...e}) ?? []).filter((f) => f !== undefined && f !== null && f !== false && f !== '');
    const {by, reason, error} = item.first;
    return h('li', {dataset: {tone: TONES[item.event] ?? 'neutral'}},
        h('div', {class: 'row nowrap'}, h('span', {class: 'grow'}, h('strong', {}, (TITLES[item.event] ?? capital(clip(item.event, 40))) + pages + step), WHO[by] && h('span', {class: 'muted small'}, ` ${WHO[by]}`)), h('span', {class: 'muted small nowrap'}, Ago(item.end))),
        (facts.length > 0 || reason || error) && h('p', {class: 'muted dots small'}, facts.map((f) => h('span', {}, f)), reason && h('span', {}, reason === 'coverage' && item.from === undefined ? reasonOf({reason, processed_records: /^none of /.test(error ?? '') ? 0 : 1, failed_units: failed}, word) : reasonText(reason)), error && h('span', {}, clip(error, 400))));
}

/* currency(): that of the job, which its lines do not repeat; word(): what its batches are called, one of them. */
export function timeline(page, id, currency, word) {
    const root = h('div', {class: 'card-body'}, skeleton(4));
    const mode = button('Every line', {class: 'small ghost', 'aria-pressed': 'false', onclick: () => { raw = !raw; mode.setAttribute('aria-pressed', String(raw)); draw(); }});
    let events = [], damaged = '', raw = false, running = false, again = false, timer = 0, shown = 40, more = false;

    function draw() {
        if (!events.length)
            return fill(root, h('p', {class: 'muted'}, 'Nothing is written in its journal yet.'));
        const failed = failedUnits(events);
        const items = raw ? [...events].reverse() : fold(events).reverse();
        const list = items.slice(0, shown);
        redraw(root, () => [raw
            ? h('ol', {class: 'lines'}, list.map((e) => h('li', {}, h('code', {}, clip(JSON.stringify(e), 3000)))))
            : h('ol', {class: 'timeline'}, list.map((item) => entry(item, currency(), word(), failed))),
        damaged && h('div', {class: 'banner', dataset: {tone: 'bad'}, role: 'alert'}, h('p', {}, 'The journal is damaged. ', clip(damaged, 400))),
        more && h('p', {class: 'muted small'}, `The journal is longer: its first ${num(events.length)} lines are shown.`),
        items.length > shown && h('div', {class: 'row center'}, button(`${num(items.length - shown)} earlier`, {class: 'small', onclick: () => { shown += 200; draw(); }}))]);
    }
    /* From where it was read to last time: the journal only grows. */
    async function load() {
        clearTimeout(timer);
        timer = 0;
        if (running) {
            again = true;
            return;
        }
        running = true;
        try {
            do {
                again = false;
                do {
                    const answer = await page.api.get(jobPath(id, 'log'), {query: {limit: LIMIT, cursor: events.at(-1)?.seq}, signal: page.signal});
                    events.push(...answer.events);
                    damaged = answer.damaged ?? '';
                    more = Boolean(answer.next_cursor) && answer.events.length > 0;
                } while (more && events.length < MOST);
            } while (again);
            draw();
        } catch (error) {
            if (!isAbort(error) && !events.length)
                fill(root, errorState(error, load));
        } finally {
            running = false;
        }
    }
    load();
    page.leave(() => clearTimeout(timer));
    return {element: h('section', {class: 'card', 'aria-label': 'Timeline'}, h('header', {}, h('h2', {class: 'grow'}, 'Timeline'), mode), root), reload: load, draw, soon() { timer ||= setTimeout(load, 1000); }};
}
