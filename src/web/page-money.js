// SPDX-License-Identifier: Apache-2.0
/* Money: spent, in doubt, in flight, left; by source, campaign, owner, day or job. Amounts are the server's texts; only charts and bars make numbers of them. */
import {h, fill, button, icon} from './dom.js';
import {isAbort} from './api.js';
import {select} from './form.js';
import {emptyState, errorState, simpleTable, skeleton} from './table.js';
import {NONE, Text, clip, money, num, plural} from './format.js';
import {saveText, styles} from './assets.js';
import {chart, moneyShort} from './chart.js';

const BY = [['source', 'Source'], ['campaign', 'Campaign'], ['owner', 'Owner'], ['day', 'Day'], ['job', 'Job']];
const LABELS = {source: 'source', campaign: 'campaign_id', owner: 'created_by', day: 'day', job: 'job_id'};
const PERIODS = [['1', 'Today (UTC)'], ['7', '7 days'], ['30', '30 days'], ['365', 'A year'], ['', 'All time']];
const DAY = 86400000;

export async function render(root, params, page) {
    await styles('/pages.css');
    let by = BY.some(([value]) => value === page.query.get('by')) ? page.query.get('by') : 'source';
    let period = PERIODS.some(([value]) => value === page.query.get('days')) ? page.query.get('days') : '30';
    const totals = h('div', {class: 'stack'}), trend = h('div'), body = h('div', {}, skeleton());
    const ways = h('div', {class: 'segmented', role: 'group', 'aria-label': 'By'});
    const spans = select(PERIODS, {value: period, 'aria-label': 'Period', onchange: () => { period = spans.value; page.setQuery({days: period === '30' ? null : period}); load(); }});
    const save = button('CSV', {icon: 'download', class: 'small', onclick: () => download()});
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Money'), spans), totals, trend, h('div', {class: 'toolbar'}, ways, h('span', {class: 'grow'}), save), body);
    let shown = null, turn = 0;

    const since = () => period && new Date(Math.floor(Date.now() / DAY) * DAY - (Number(period) - 1) * DAY).toISOString().replace('.000Z', 'Z');
    function drawWays() {
        fill(ways, BY.map(([value, label]) => h('button', {type: 'button', 'aria-pressed': String(value === by), onclick: () => { by = value; page.setQuery({by: by === 'source' ? null : by}); drawWays(); load(); }}, label)));
    }
    const stat = (label, value, more, tone) => h('div', {class: 'stat'}, h('span', {class: 'label'}, label), h('span', {class: `value live-number ${tone ?? ''}`}, value), more && h('span', {class: 'more'}, more));
    const isZero = (text) => !text || /^-?0*(\.0*)?$/.test(text);
    function drawTotals(answer) {
        fill(totals, answer.damaged_journal_lines > 0 && h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('alert'), h('p', {}, `${plural(answer.damaged_journal_lines, 'line')} of journals could not be read: sums may be short. \`batchspool verify\` tells which.`)),
            answer.totals.map((sum) => h('div', {class: 'stats'}, stat(`Spent${answer.totals.length > 1 ? `, ${clip(sum.currency, 8)}` : ''}`, money(sum.spent, sum.currency), plural(sum.records, 'record')), stat('In doubt', money(sum.in_doubt, sum.currency), isZero(sum.in_doubt) ? 'nothing' : 'charged without an answer, perhaps', isZero(sum.in_doubt) ? '' : 'tone-warn'), stat('In flight', money(sum.in_flight, sum.currency), null), stat('A record', sum.cost_per_record ? money(sum.cost_per_record, sum.currency) : NONE, 'on average'),
                answer.daily_cost_caps.filter((cap) => cap.currency === sum.currency).map((cap) => h('div', {class: 'stat'}, h('span', {class: 'label'}, 'Left today, all sources'), h('span', {class: 'value'}, money(cap.left_today, cap.currency)), h('span', {class: 'more'}, `of ${money(cap.daily_cost_cap, cap.currency)}`), capBar(cap))))));
    }
    const capBar = (cap) => {
        const share = Number(cap.used_today) / Math.max(1e-9, Number(cap.daily_cost_cap));
        return h('div', {class: 'bar', title: `${money(cap.used_today, cap.currency)} used`}, h('span', {dataset: {tone: share >= 0.9 ? 'bad' : share >= 0.7 ? 'warn' : 'ok'}, style: {width: `${Math.min(1, share) * 100}%`}}));
    };
    function nameOf(row) {
        const value = row[LABELS[by]];
        if (value === null || value === undefined || value === '')
            return h('span', {class: 'muted'}, 'none');
        const filter = {source: `source:${value}`, campaign: `campaign:${value}`, owner: `owner:${value}`}[by];
        return by === 'job' ? h('a', {href: `/jobs/${encodeURIComponent(value)}`}, Text(value, 120)) : filter ? h('a', {href: `/jobs?filter=${encodeURIComponent(filter)}`}, Text(value, 120)) : Text(value, 120);
    }
    function drawRows(answer) {
        const most = new Map();
        for (const row of answer.rows)
            most.set(row.currency, Math.max(most.get(row.currency) ?? 0, Number(row.spent)));
        if (!answer.rows.length)
            return fill(body, emptyState('Nothing was spent', period ? 'In this time no metered source was asked.' : 'No metered source was asked yet.'));
        const table = simpleTable({label: `Money by ${by}`, rows: answer.rows, columns: [
            {label: BY.find(([value]) => value === by)[1], main: true, cell: nameOf},
            {label: 'Records', class: 'num', cell: (row) => num(row.records)},
            {label: 'Spent', class: 'num', cell: (row) => [money(row.spent, row.currency), h('div', {class: 'bar share'}, h('span', {style: {width: `${Number(row.spent) / Math.max(1e-9, most.get(row.currency)) * 100}%`}}))]},
            {label: 'In doubt', class: 'num', cell: (row) => (isZero(row.in_doubt) ? h('span', {class: 'muted'}, money(row.in_doubt, row.currency)) : h('strong', {class: 'tone-warn'}, money(row.in_doubt, row.currency)))},
            {label: 'In flight', class: 'num', cell: (row) => h('span', {class: isZero(row.in_flight) ? 'muted' : ''}, money(row.in_flight, row.currency))},
            {label: 'A record', class: 'num', cell: (row) => (row.cost_per_record ? money(row.cost_per_record, row.currency) : NONE)},
            ...(by === 'source' ? [{label: 'Left today', class: 'num', cell: (row) => (row.daily_cost_cap ? [money(row.left_today, row.currency), h('div', {class: 'muted small'}, `of ${money(row.daily_cost_cap, row.currency)}`), capBar(row)] : h('span', {class: 'muted'}, 'no cap'))}] : []),
        ]});
        table.querySelector('table').classList.add('cards');
        fill(body, table);
    }
    async function drawTrend(days) {
        fill(trend);
        const currencies = [...new Set(days.rows.map((row) => row.currency))].slice(0, 3);
        const list = [...new Set(days.rows.map((row) => row.day))].sort();
        if (list.length < 2)
            return;
        /* Days without a purchase are zeros, not gaps. */
        const times = [];
        for (let at = Date.parse(`${list[0]}T00:00:00Z`); at <= Date.parse(`${list.at(-1)}T00:00:00Z`) && times.length < 800; at += DAY)
            times.push(new Date(at).toISOString());
        for (const currency of currencies) {
            const of = new Map(days.rows.filter((row) => row.currency === currency).map((row) => [row.day, row]));
            const values = (name) => times.map((t) => Number(of.get(t.slice(0, 10))?.[name] ?? 0));
            const card = h('section', {class: 'card', 'aria-label': `By day, ${currency}`}, h('header', {}, h('h2', {}, `By day${currencies.length > 1 ? `, ${clip(currency, 8)}` : ''}`), h('span', {class: 'muted small'}, 'UTC')));
            const box = h('div', {class: 'card-body'});
            card.append(box);
            trend.append(card);
            const show = (v) => moneyShort(v, currency);
            const doubt = values('in_doubt');
            await chart(box, page, {label: `Money by day in ${currency}`, times, height: 170, series: [{label: 'Spent', values: values('spent'), tone: 'info', bars: true, format: show}, ...(doubt.some((v) => v > 0) ? [{label: 'In doubt', values: doubt, tone: 'warn', format: show}] : [])]});
        }
    }
    function download() {
        if (!shown)
            return;
        const cell = (value) => { const text = String(value ?? ''); return /^[=+\-@\t\r]/.test(text) && !/^-?\d/.test(text) ? `"'${text.replaceAll('"', '""')}"` : /[",\n\r]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text; };
        const columns = [LABELS[by], 'currency', 'records', 'spent', 'in_doubt', 'in_flight', 'cost_per_record'];
        saveText(`money-by-${by}.csv`, [columns.join(','), ...shown.rows.map((row) => columns.map((name) => cell(row[name])).join(','))].join('\r\n') + '\r\n', 'text/csv');
    }
    async function load() {
        const mine = ++turn;
        body.setAttribute('aria-busy', 'true');
        try {
            const [answer, days] = await Promise.all([page.api.get('/api/money', {query: {by, since: since()}, signal: page.signal}), by === 'day' ? null : page.api.get('/api/money', {query: {by: 'day', since: since()}, signal: page.signal})]);
            if (mine !== turn)
                return;
            shown = answer;
            drawTotals(answer);
            drawRows(answer);
            save.disabled = !answer.rows.length;
            await drawTrend(days ?? answer).catch((error) => fill(trend, h('p', {class: 'muted small'}, error.message)));
        } catch (error) {
            if (!isAbort(error) && mine === turn)
                fill(body, errorState(error, load));
        } finally {
            body.removeAttribute('aria-busy');
        }
    }
    drawWays();
    page.on('resync', load);
    await load();
}
