// SPDX-License-Identifier: Apache-2.0
/* Is all well, and how it goes: the daemon, the disk, what is stuck; throughput, success and errors, times, the queue, users, what happened last. */
import {h, fill, button, icon} from './dom.js';
import {isAbort} from './api.js';
import {errorState, simpleTable, skeleton} from './table.js';
import {Ago, NONE, Text, bytes, clip, compact, duration, milliseconds, money, num, plural, ratio} from './format.js';
import {PRIORITIES, STATUSES, capital, goOnText, reasonText} from './words.js';
import {styles} from './assets.js';
import {chart, moneyShort} from './chart.js';

const WINDOWS = [['1h', '1 hour'], ['24h', '24 hours'], ['7d', '7 days'], ['30d', '30 days']];
const PLACES = [['pending', 'Waiting'], ['processing', 'Running'], ['deferred', 'Deferred'], ['hold', 'On hold']];
const filter = (text) => `/jobs?filter=${encodeURIComponent(text)}`;
/* Kinds of `batchspool stuck`: what they mean, and where they are seen. */
const STUCK = {
    held: ['on hold until a person decides', filter('status:held')], waiting: ['waiting for very long', filter('status:pending')], silent: ['running, but silent', filter('status:processing')],
    overdue: ['deferred and overdue', filter('status:deferred')], no_daemon: ['running without a daemon', filter('status:processing')], source_paused: ['sources that refuse the credentials', '/queue'],
    not_taken_in: ['dropped, but not taken in', null], file_failed: ['payloads that could not be loaded', '/files?shelf=failed'], file_waiting: ['payloads that wait to be loaded', '/files?shelf=ready'], file_abandoned: ['payloads whose loader has gone', '/files?shelf=processing'],
};
const HEALTH = {ok: ['ok', 'check', 'All is well'], degraded: ['warn', 'alert', 'Something needs a look'], down: ['bad', 'alert', 'No daemon runs']};

export async function render(root, params, page) {
    await styles('/pages.css');
    let window = WINDOWS.some(([value]) => value === page.query.get('window')) ? page.query.get('window') : '24h';
    const state = h('div', {class: 'stack'}, skeleton(3)), figures = h('div', {class: 'stack'}), ways = h('div', {class: 'segmented', role: 'group', 'aria-label': 'Time that is looked at'});
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Health')), state, h('div', {class: 'toolbar'}, h('h2', {class: 'grow'}, 'How it goes'), ways), figures);
    let live = null, turn = 0;

    function drawWays() {
        fill(ways, WINDOWS.map(([value, label]) => h('button', {type: 'button', 'aria-pressed': String(value === window), onclick: () => { window = value; page.setQuery({window: value === '24h' ? null : value}); drawWays(); live = null; loadFigures(); }}, label)));
    }
    const stat = (label, value, more, href) => h(href ? 'a' : 'div', {class: 'stat', ...(href ? {href} : {})}, h('span', {class: 'label'}, label), h('span', {class: 'value live-number'}, value), more && h('span', {class: 'more'}, more));

    async function loadState() {
        let health;
        try {
            health = await page.api.get('/api/health', {signal: page.signal});
        } catch (error) {
            if (isAbort(error))
                return;
            if (error.status !== 503)
                return fill(state, errorState(error, loadState));
            health = {status: 'down', daemon: {running: false}};
        }
        const [tone, name, words] = HEALTH[health.status] ?? HEALTH.degraded;
        const {daemon, disk, index} = health, stuck = Object.entries(health.stuck ?? {}).filter(([, count]) => count > 0), paused = health.paused ?? [], list = health.stuck_list ?? [];
        const lacking = Object.entries(health.lacking ?? {}), optional = Object.entries(health.optional ?? {}).flatMap(([source, all]) => all.map((way) => ({source, ...way}))), {notices} = health;
        const used = disk?.total_bytes ? 1 - disk.free_bytes / disk.total_bytes : null;
        fill(state, h('div', {class: 'banner', dataset: {tone}, role: 'status'}, icon(name), h('div', {}, h('strong', {}, words), health.status === 'down' && h('p', {}, 'Jobs are taken in and go on when batchspoold is started. Nothing is lost.'), index && !index.ready && h('p', {}, 'The read index is being made: lists may be incomplete.'))),
            h('div', {class: 'stats'}, stat('Daemon', daemon?.running ? 'runs' : 'down', daemon?.since && ['since ', Ago(daemon.since)]), health.version && stat('Version', clip(health.version, 24), health.started_at && ['web program since ', Ago(health.started_at)]),
                index && stat('Index', index.ready ? 'ready' : 'is made', index.jobs !== undefined && plural(index.jobs, 'job')),
                notices && stat('Notices', plural(notices.pending + notices.deferred, 'waits', 'wait'), notices.failed > 0 && [`${num(notices.failed)} failed`, notices.last_error && [': ', Text(notices.last_error, 120)]]),
                disk && h('div', {class: 'stat'}, h('span', {class: 'label'}, 'Disk free'), h('span', {class: 'value'}, bytes(disk.free_bytes)), used !== null && h('span', {class: 'more'}, `of ${bytes(disk.total_bytes)}`), used !== null && h('div', {class: 'bar'}, h('span', {dataset: {tone: used > 0.95 ? 'bad' : used > 0.85 ? 'warn' : 'ok'}, style: {width: `${used * 100}%`}})))),
            (stuck.length > 0 || paused.length > 0) && h('section', {class: 'card', 'aria-label': 'What needs a look'}, h('header', {}, h('h2', {}, 'What needs a look')), h('ul', {class: 'line-list looks'},
                stuck.map(([kind, count]) => { const [text, href] = STUCK[kind] ?? [clip(capital(kind), 60), null]; return h('li', {}, h('strong', {class: 'num'}, num(count)), href ? h('a', {class: 'grow', href}, text) : h('span', {class: 'grow'}, text)); }),
                list.slice(0, 50).map((s) => h('li', {class: 'stuck'}, h('span', {class: 'nowrap muted small'}, s.since ? Ago(s.since) : ''), h('div', {class: 'grow'}, s.job_id ? h('a', {href: `/jobs/${encodeURIComponent(s.job_id)}`}, Text(s.job_id.replace(/^\d{8}T\d{6}Z-[0-9a-f]+-/, ''), 80)) : Text(s.source || s.file, 100), ' ', Text(s.text, 300), s.go_on && h('p', {class: 'muted small'}, goOnText(s) || Text(s.go_on, 300))))),
                list.length > 50 && h('li', {class: 'muted'}, `and ${num(list.length - 50)} more`),
                paused.map((source) => h('li', {}, icon('pause'), h('a', {class: 'grow', href: '/queue'}, 'Paused: ', Text(source, 64)))))),
            (lacking.length > 0 || optional.length > 0) && h('section', {class: 'card', 'aria-label': 'What sources need'}, h('header', {}, h('h2', {}, 'What sources need')), h('ul', {class: 'line-list looks'},
                lacking.map(([source, {able, missing}]) => h('li', {}, icon('alert'), h('div', {class: 'grow'}, h('strong', {}, Text(source, 64)), able ? ' does with less: ' : ' cannot work: ', Text(missing.join('; '), 400)))),
                optional.map((way) => way.refused ? h('li', {}, icon('alert'), h('div', {class: 'grow'}, h('strong', {}, Text(way.source, 64)), ': ', h('span', {class: 'tone-warn'}, Text(way.refused, 500)))) : h('li', {}, icon(way.configured ? 'check' : 'close'), h('div', {class: 'grow'}, h('strong', {}, Text(way.source, 64)), ': step ', Text(way.step, 64), ' by ', Text(way.settings.join(', '), 200), way.configured ? ' is configured' : ' is not configured; it need not be'))))));
    }

    const charts = (series) => ({times: series.map((point) => point.t)});
    const values = (series, name) => series.map((point) => point[name] ?? null);
    function seriesOf(a) {
        const time = a.processing_time_ms?.series ?? [];
        const rate = a.series.map((point) => (point.completed + point.failed ? point.completed / (point.completed + point.failed) : null));
        const currencies = [...new Set(a.series.flatMap((point) => Object.keys(point.cost ?? {})))].slice(0, 3);
        return [
            {title: 'Throughput', label: 'Records', times: a.series, series: [{label: 'Captured', values: values(a.series, 'captured'), tone: 'info', fill: true, format: compact}, {label: 'Loaded', values: values(a.series, 'loaded'), tone: 'ok', format: compact}]},
            {title: 'Jobs that ended', label: 'Jobs', times: a.series, series: [{label: 'Completed', values: values(a.series, 'completed'), tone: 'ok', bars: true, format: compact}, {label: 'Failed', values: values(a.series, 'failed'), tone: 'bad', bars: true, format: compact}]},
            {title: 'Success rate', label: 'Share of jobs', times: a.series, series: [{label: 'Completed', values: rate, tone: 'ok', fill: true, format: ratio}, {label: 'Failed', values: rate.map((v) => (v === null ? null : 1 - v)), tone: 'bad', format: ratio}]},
            {title: 'Processing time of a file', label: 'Time', times: time, series: [{label: 'Half within', values: values(time, 'p50'), tone: 'info', format: milliseconds}, {label: 'Nine of ten within', values: values(time, 'p90'), tone: 'warn', format: milliseconds}]},
            ...currencies.map((currency) => ({title: `Spent, ${clip(currency, 8)}`, label: `Money in ${currency}`, times: a.series, series: [{label: 'Spent', values: a.series.map((point) => Number(point.cost?.[currency] ?? 0)), tone: 'accent', bars: true, format: (v) => moneyShort(v, currency)}]})),
        ];
    }
    function tables(a) {
        const depthMost = Math.max(1, ...PLACES.flatMap(([place]) => PRIORITIES.map((p) => a.queue[place]?.[p]?.depth ?? 0)));
        const queue = h('section', {class: 'card', 'aria-label': 'Queue'}, h('header', {}, h('h2', {class: 'grow'}, 'Queue'), h('a', {href: '/queue'}, 'More')), simpleTable({label: 'Queue by priority', rows: PRIORITIES, columns: [{label: 'Priority', cell: (p) => capital(p)}, ...PLACES.map(([place, label]) => ({label, class: 'num', cell: (p) => { const f = a.queue[place]?.[p]; return f?.depth ? [num(f.depth), h('div', {class: 'muted small'}, f.oldest_s === null ? '' : duration(f.oldest_s)), h('div', {class: 'bar'}, h('span', {style: {width: `${f.depth / depthMost * 100}%`}}))] : h('span', {class: 'muted'}, '0'); }}))]}));
        const caps = a.cost?.caps ?? [];
        const cost = h('section', {class: 'card', 'aria-label': 'Money'}, h('header', {}, h('h2', {class: 'grow'}, 'Money'), h('a', {href: '/money'}, 'More')), h('div', {class: 'card-body'},
            (a.cost?.totals ?? []).map((sum) => h('dl', {class: 'kv'}, h('dt', {}, 'Spent'), h('dd', {}, money(sum.spent, sum.currency)), h('dt', {}, 'In doubt'), h('dd', {}, money(sum.in_doubt, sum.currency)))),
            caps.map((cap) => { const share = Number(cap.left_today) / Math.max(1e-9, Number(cap.daily_cost_cap)); return h('div', {class: 'limit'}, h('div', {class: 'small'}, Text(cap.source, 64), `: ${money(cap.left_today, cap.currency)} of ${money(cap.daily_cost_cap, cap.currency)} left today`), h('div', {class: 'bar'}, h('span', {dataset: {tone: share < 0.1 ? 'bad' : share < 0.3 ? 'warn' : 'ok'}, style: {width: `${Math.max(0, Math.min(1, share)) * 100}%`}}))); }),
            !caps.length && !(a.cost?.totals ?? []).length && h('p', {class: 'muted'}, 'Nothing was spent.')));
        const users = h('section', {class: 'card', 'aria-label': 'Users'}, h('header', {}, h('h2', {}, 'Who')), simpleTable({label: 'Users', rows: a.users ?? [], empty: 'Nobody in this time.', columns: [{label: 'User', cell: (u) => h('a', {href: filter(`owner:${u.name}`)}, Text(u.name, 64))}, {label: 'Jobs', class: 'num', cell: (u) => num(u.jobs)}, {label: 'Records', class: 'num', cell: (u) => num(u.records)}, {label: 'Spent', class: 'num', cell: (u) => { const list = Object.entries(u.cost ?? {}); return list.length ? list.map(([currency, amount]) => h('div', {}, money(amount, currency))) : NONE; }}]}));
        const history = h('section', {class: 'card whole', 'aria-label': 'What happened last'}, h('header', {}, h('h2', {}, 'What happened last')), (a.history ?? []).length ? h('ul', {class: 'line-list history'}, a.history.slice(0, 30).map((e) => h('li', {}, h('span', {class: 'nowrap muted small'}, Ago(e.ts)), h('strong', {}, capital(clip(e.event, 40))), h('span', {class: 'grow cut'}, e.job_id ? h('a', {href: `/jobs/${encodeURIComponent(e.job_id)}`}, Text(e.name || e.job_id.replace(/^\d{8}T\d{6}Z-[0-9a-f]+-/, ''), 60)) : '', e.reason && h('span', {class: 'muted'}, ` ${reasonText(e.reason)}`)), h('span', {class: 'muted small'}, Text(e.by, 40))))) : h('p', {class: 'empty small'}, 'Nothing in this time.'));
        for (const wrap of [queue, users].map((card) => card.querySelector('.table-wrap')).filter(Boolean)) { /* may scroll on a narrow screen: then also by keys */
            wrap.tabIndex = 0;
            wrap.setAttribute('role', 'group');
            wrap.setAttribute('aria-label', wrap.querySelector('table').getAttribute('aria-label'));
        }
        return [queue, cost, users, history];
    }
    async function loadFigures() {
        const mine = ++turn;
        try {
            const a = await page.api.get('/api/analytics', {query: {window}, signal: page.signal});
            if (mine !== turn)
                return;
            const stats = [h('div', {class: 'stats seven'}, STATUSES.map((s) => stat(capital(s), compact(a.counts[s]), null, filter(`status:${s.toLowerCase()}`)))), h('div', {class: 'stats'},
                stat('Success', a.success_rate === null ? NONE : ratio(a.success_rate), `${plural(a.finished, 'job')} ended`), stat('Errors', a.error_rate === null ? NONE : ratio(a.error_rate)), stat('Records an hour', compact(Math.round(a.throughput.records_per_hour)), plural(Math.round(a.throughput.batches_per_hour), 'page')),
                stat('A file takes', milliseconds(a.processing_time_ms?.p50), a.processing_time_ms?.p90 !== null && a.processing_time_ms?.p90 !== undefined ? `9 of 10 within ${milliseconds(a.processing_time_ms.p90)}` : null))];
            const wanted = seriesOf(a);
            if (live && live.charts.length === wanted.length) {
                fill(live.stats, stats);
                fill(live.tables, tables(a));
                wanted.forEach((w, at) => live.charts[at].update({...charts(w.times), series: w.series}));
                return;
            }
            const made = {stats: h('div', {class: 'stack'}, stats), charts: [], tables: h('div', {class: 'contents'}, tables(a))};
            const grid = h('div', {class: 'grid cols-2'}, made.tables);
            fill(figures, made.stats, grid);
            for (const w of wanted) {
                const box = h('div', {class: 'card-body'});
                made.tables.before(h('section', {class: 'card', 'aria-label': w.title}, h('header', {}, h('h2', {}, w.title)), box));
                if (w.times.length > 1)
                    made.charts.push(await chart(box, page, {label: w.title, ...charts(w.times), series: w.series, height: 170}));
                else {
                    box.append(h('p', {class: 'empty small'}, 'Nothing in this time.'));
                    made.charts.push({update: (more) => { if (more.times.length > 1) { live = null; loadFigures(); } }});
                }
            }
            live = made;
        } catch (error) {
            if (isAbort(error) || mine !== turn)
                return;
            if (!live)
                fill(figures, errorState(error, loadFigures));
        }
    }
    drawWays();
    page.on('resync', () => { loadState(); loadFigures(); });
    page.every(15000, loadState);
    page.every(30000, loadFigures);
    await Promise.all([loadState(), loadFigures()]);
}
