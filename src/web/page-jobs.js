// SPDX-License-Identifier: Apache-2.0
/* The list of jobs: one box filters it, the stream keeps the page that is shown right, and what is done to many is done to a filter whose count is frozen. */
import {h, fill, icon, button} from './dom.js';
import {num, compact, money, duration, ratio, Ago, Text, clip, plural, now} from './format.js';
import {StatusBadge, JobBadges, Badge, reasonOf, reasonText, PRIORITIES} from './words.js';
import {createList, emptyState} from './table.js';
import {openDialog, menuButton, busy} from './dialog.js';
import {spark} from './chart.js';
import {isAbort, job as jobPath} from './api.js';
import {amounts, filterBox, jobTitle} from './jobs.js';

const VIEWS = [['All', ''], ...[['Running', 'PROCESSING'], ['Queued', 'PENDING'], ['Deferred', 'DEFERRED'], ['Held', 'HELD'], ['Failed', 'FAILED'], ['Completed', 'COMPLETED'], ['Cancelled', 'CANCELLED']]
    .map(([label, status]) => [label, `status:${status.toLowerCase()}`, status])];
const PLACES = {pending: 'PENDING', processing: 'PROCESSING', deferred: 'DEFERRED', hold: 'HELD'};
const BULK = [
    ['retry', 'Retry', 'go on with the missing pages'], ['process', 'Load', 'load what was captured'], ['hold', 'Hold', 'stop, until they are released'], ['release', 'Release', 'let held jobs go on; jobs with a charge in doubt stay'],
    ['cancel', 'Cancel', 'stop for good'],
];

function statusCell(row) {
    const running = row.status === 'PROCESSING', waits = running && row.waiting_until && Date.parse(row.waiting_until) > now();
    return h('div', {class: 'stack tight'},
        h('span', {}, JobBadges(row)),
        row.status === 'DEFERRED' && row.until ? h('span', {class: 'muted small'}, reasonText(row.reason), ', ', Ago(row.until)) : row.reason ? h('span', {class: 'muted small'}, reasonOf(row))
            : row.status === 'COMPLETED' && row.captured_batches > row.loaded_batches ? h('span', {class: 'muted small'}, row.loaded_batches > 0 ? 'not all loaded' : 'not loaded yet')
            : waits ? h('span', {class: 'muted small'}, reasonText(row.waiting_for), ', ', Ago(row.waiting_until))
            : running && h('span', {class: 'muted small nowrap live-number'}, row.rate_per_s > 0 ? `${num(Math.round(row.rate_per_s))}/s` : 'starting', row.eta_s > 0 ? ` · ${duration(row.eta_s)} left` : ''));
}

function jobCell(row) {
    return [Text(jobTitle(row), 80), ['urgent', 'high', 'low'].includes(row.priority) && [' ', Badge(row.priority, row.priority === 'low' ? 'neutral' : 'warn', {class: 'badge plain'})]];
}

const COLUMNS = [
    {id: 'name', label: 'Job', sort: 'name', main: true, cell: jobCell},
    {id: 'status', label: 'Status', sort: 'status', class: 'state bare', cell: statusCell},
    {id: 'records', label: 'Records', sort: 'processed_records', class: 'full bare', cell: (row) => amounts(row)},
    {id: 'cost', label: 'Cost', sort: 'cost', class: 'num', cell: (row) => row.currency ? h('div', {class: 'stack tight'}, h('span', {}, money(row.cost, row.currency)), Number(row.cost_in_doubt) > 0 && h('span', {class: 'tone-warn small'}, `${money(row.cost_in_doubt, row.currency)} in doubt`)) : h('span', {class: 'muted'}, 'free')},
    {id: 'source', label: 'Source', sort: 'source', class: 'words wide-2', cell: (row) => h('div', {class: 'stack tight'}, Text(row.source, 40), row.campaign_id && h('span', {class: 'muted small'}, Text(row.campaign_id, 40)))},
    {id: 'created', label: 'Created', sort: 'created_at', class: 'wide-1', cell: (row) => h('div', {class: 'stack tight'}, h('span', {class: 'nowrap'}, Ago(row.created_at)), row.created_by && h('span', {class: 'muted small'}, 'by ', Text(row.created_by, 24)))},
];

/* The strip above: what the last day was like, and what wants a person now. */
function strip(page, root) {
    async function load() {
        try {
            const a = await page.api.get('/api/analytics', {query: {window: '24h'}, signal: page.signal});
            const series = a.series ?? [], hours = Math.max(1, (a.window_s ?? 86400) / 3600);
            const sum = (name) => series.reduce((all, s) => all + (s[name] ?? 0), 0);
            const stat = (label, value, more, chart) => h('div', {class: 'stat'}, h('span', {class: 'label'}, label), h('span', {class: 'value live-number'}, value), more && h('span', {class: 'more'}, more), chart);
            fill(root,
                stat('Captured, 24 h', compact(sum('captured')), `${compact(Math.round(sum('captured') / hours))} an hour`, series.length > 1 && spark(series.map((s) => s.captured), {label: 'Captured, hour by hour', tone: 'info'})),
                stat('Loaded, 24 h', compact(sum('loaded')), `${compact(Math.round(sum('loaded') / hours))} an hour`, series.length > 1 && spark(series.map((s) => s.loaded), {label: 'Loaded, hour by hour', tone: 'ok'})),
                stat('Finished, 24 h', num(a.finished), a.success_rate !== null && a.success_rate !== undefined ? `${ratio(a.success_rate)} went well` : ''),
                ...(a.cost?.totals ?? []).filter((t) => Number(t.spent) > 0 || Number(t.in_doubt) > 0).slice(0, 2).map((t) => {
                    const caps = (a.cost.caps ?? []).filter((c) => c.currency === t.currency && c.left_today !== null && c.left_today !== undefined);
                    return stat(`Spent, 24 h${(a.cost.totals.length > 1) ? `, ${t.currency}` : ''}`, money(t.spent, t.currency), [Number(t.in_doubt) > 0 && h('span', {class: 'tone-warn'}, `${money(t.in_doubt, t.currency)} in doubt`), Number(t.in_doubt) > 0 && caps.length === 1 && ' · ', caps.length === 1 && `${money(caps[0].left_today, t.currency)} left today`]);
                }));
            root.hidden = false;
        } catch (error) {
            if (!isAbort(error))
                root.hidden = true; /* the list below says what is wrong */
        }
    }
    /* What happens is in these figures two seconds later at most, however much happens. */
    let soon = 0;
    const changed = () => { soon ||= setTimeout(() => { soon = 0; load(); }, 2000); };
    page.leave(() => clearTimeout(soon));
    load();
    page.every(30000, load);
    page.on('job', changed);
    page.on('resync', load);
}

/* A few at a time; a server that says "too many" is waited for. */
async function actOnEach(page, jobs, act, body) {
    const waiting = [...jobs], failed = [];
    let done = 0;
    const lane = async () => {
        for (let job; (job = waiting.shift());)
            try {
                await page.api.post(jobPath(job.job_id, act), body, {signal: page.signal});
                done++;
            } catch (error) {
                if (isAbort(error))
                    throw error;
                if (error.status === 429) {
                    waiting.unshift(job);
                    await new Promise((resolve) => setTimeout(resolve, (error.retryAfter ?? 1) * 1000));
                } else
                    failed.push({job_id: job.job_id, detail: error.message});
            }
    };
    await Promise.all([lane(), lane(), lane()]);
    return {done, failed};
}

export async function render(root, params, page) {
    page.title('Jobs');
    const filter = () => page.query.get('filter') ?? '';
    const box = filterBox({value: filter(), onfilter: apply});
    const views = h('nav', {class: 'tabs', 'aria-label': 'By status'});
    const stats = h('div', {class: 'stats', hidden: true, 'aria-label': 'The last 24 hours', role: 'group'});
    let counts = {};

    function drawViews() {
        fill(views, VIEWS.map(([label, text, status]) => {
            const query = text ? `?filter=${encodeURIComponent(text)}` : '';
            return h('a', {href: `/jobs${query}`, 'aria-current': filter() === text ? 'true' : null, onclick: (event) => { if (!event.ctrlKey && !event.metaKey && !event.shiftKey) { event.preventDefault(); apply(text); } }}, label, counts[status] > 0 && h('span', {class: 'count live-number'}, compact(counts[status])));
        }));
    }
    async function loadCounts() {
        try {
            take(await page.api.get('/api/queue/status', {signal: page.signal}));
        } catch { /* counts are an extra */ }
    }
    function take({queue, counts: all}) {
        counts = all ?? Object.fromEntries(Object.entries(PLACES).map(([place, status]) => [status, queue?.[place]?.depth ?? 0]));
        drawViews();
    }

    function apply(text) {
        page.setQuery({filter: text.trim() || null, cursor: null, page: null}, {push: true});
        box.set(text.trim());
        drawViews();
        list.clear();
        list.load();
    }

    const bulk = h('div', {class: 'bulk card', hidden: true, role: 'region', 'aria-label': 'Acts on many jobs'});
    const list = createList(page, {
        label: 'Jobs', class: 'thirds', path: '/api/batch-jobs', member: 'jobs', key: 'job_id', columns: COLUMNS, sort: '-created_at', query: () => ({filter: filter()}),
        href: (row) => `/jobs/${encodeURIComponent(row.job_id)}`, select: page.can('operator'), onselect: drawBulk, onload: () => { page.know(list.rows); drawBulk(); },
        empty: () => filter()
            ? emptyState('No job matches', 'Try fewer words, or another status.', button('Show all jobs', {onclick: () => apply('')}))
            : emptyState('No jobs yet', 'A job asks a source for records: say which, see the price, and pay once.', page.can('operator') && h('a', {class: 'btn primary', href: '/new'}, icon('plus'), 'New job')),
    });

    let everything = false; /* all that match, not only what is ticked */
    function drawBulk() {
        const count = list.selected.size;
        const whole = count > 0 && count === list.rows.length && list.total > count && list.rows.every((row) => list.selected.has(row.job_id));
        if (!whole)
            everything = false;
        bulk.hidden = count === 0;
        if (!count)
            return;
        fill(bulk, h('strong', {class: 'num'}, everything ? `All ${plural(list.total, 'job')} that match` : `${plural(count, 'job')} selected`),
            whole && button(everything ? 'Only this page' : `Select all ${num(list.total)}`, {class: 'small', onclick: () => { everything = !everything; drawBulk(); }}),
            h('span', {class: 'grow'}),
            BULK.map(([act, label]) => button(label, {class: `small ${act === 'cancel' ? 'danger' : ''}`, onclick: () => askBulk(act)})),
            menuButton(button('Priority', {class: 'small', icon: 'up'}), PRIORITIES.map((priority) => ({label: priority, onclick: () => askBulk('priority', priority)}))),
            button('Clear the selection', {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => list.clear()}));
    }

    /* A filter and its count are frozen here, shown, and sent: the server refuses when they do not fit any more. What was ticked is done job by job. */
    async function askBulk(act, priority = null) {
        const say = BULK.find(([name]) => name === act), label = act === 'priority' ? `Priority ${priority}` : say[1];
        const whole = everything, text = filter(), chosen = [...list.selected.values()];
        let count = chosen.length;
        try {
            if (whole)
                ({count} = await page.api.get('/api/bulk', {query: {filter: text}, signal: page.signal}));
        } catch (error) {
            return page.toastError(error, 'The jobs could not be counted');
        }
        const body = h('div', {class: 'stack'});
        const run = button(`${label}: ${plural(count, 'job')}`, {class: act === 'cancel' ? 'danger' : 'primary', disabled: count === 0, onclick: go});
        const shown = openDialog({title: `${label}: ${plural(count, 'job')}?`, content: body, actions: [button('Leave them', {onclick: () => shown.close()}), run]});
        const examples = (whole ? list.rows : chosen).slice(0, 5);
        fill(body, act !== 'priority' && h('p', {class: 'muted'}, `${say[2][0].toUpperCase()}${say[2].slice(1)}. Jobs in a state that does not allow it are left as they are, and listed.`),
            whole && h('dl', {class: 'kv'}, h('dt', {}, 'Filter'), h('dd', {}, text ? h('code', {}, clip(text, 200)) : 'none: every job'), h('dt', {}, 'Jobs'), h('dd', {class: 'num'}, num(count))),
            h('ul', {class: 'names'}, examples.map((row) => h('li', {}, StatusBadge(row.status), h('span', {class: 'cut'}, Text(jobTitle(row), 60)))), count > examples.length && h('li', {class: 'muted'}, `and ${num(count - examples.length)} more`)));
        async function go() {
            const more = priority ? {priority} : {};
            try {
                const answer = await busy(run, whole ? page.api.post('/api/bulk', {act, filter: text, count, ...more}, {timeout: 300000, signal: page.signal}) : actOnEach(page, chosen, act, more));
                list.clear();
                list.reload();
                if (!answer.failed?.length) {
                    shown.close();
                    return page.toast(`${label}: ${plural(answer.done, 'job')} done`);
                }
                run.remove();
                fill(body, h('p', {}, `${plural(answer.done, 'job')} done, ${num(answer.failed.length)} left as they were:`),
                    h('ul', {class: 'names'}, answer.failed.slice(0, 100).map((f) => h('li', {}, h('a', {href: `/jobs/${encodeURIComponent(f.job_id)}`, onclick: () => shown.close()}, Text(f.job_id, 70)), ': ', clip(f.detail, 200)))));
            } catch (error) {
                if (isAbort(error))
                    return;
                if (error.status !== 409)
                    return page.toastError(error);
                run.remove();
                fill(body, h('div', {class: 'banner', dataset: {tone: 'warn'}, role: 'alert'}, icon('alert'), h('p', {}, 'What matches has changed since it was counted, so nothing was done. ', clip(error.message, 300))),
                    h('div', {class: 'row end'}, button('Count again', {class: 'primary', onclick: () => { shown.close(); list.reload(); askBulk(act, priority); }})));
            }
        }
    }

    root.append(h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Jobs'), page.can('operator') && h('a', {class: 'btn primary', href: '/new'}, icon('plus'), h('span', {}, 'New job'))),
        stats, h('div', {class: 'toolbar'}, box.element), views, bulk, list.element);
    drawViews();
    strip(page, stats);
    loadCounts();

    page.on('job', (row) => {
        if ((row.mode ?? 'run') !== 'run' && !filter().includes('mode:'))
            return;
        if (!list.merge(row) || filter())
            list.refreshSoon();
    });
    page.on('queue', take);
    page.on('resync', () => { list.reload(); loadCounts(); });
    page.on('state', (state) => { if (state === 'live') list.refreshSoon(); });
    await list.load();
}
