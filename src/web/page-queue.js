// SPDX-License-Identifier: Apache-2.0
/* The queue, place by place and priority by priority, and the sources: what waits for them, what their limits leave, and pause, resume, rate. */
import {h, fill, button, icon} from './dom.js';
import {isAbort} from './api.js';
import {busy, confirm, menuButton, openDialog} from './dialog.js';
import {clearErrors, field, select, showErrors} from './form.js';
import {emptyState, errorState, simpleTable, skeleton} from './table.js';
import {Ago, NONE, Text, Time, clip, duration, money, num} from './format.js';
import {Badge, PRIORITIES, capital, reasonText} from './words.js';
import {styles} from './assets.js';
import {fromLocalInput} from './builder.js';

const PLACES = [['pending', 'Waiting', 'pending'], ['processing', 'Running', 'processing'], ['deferred', 'Deferred', 'deferred'], ['hold', 'On hold', 'held']];
const INTERVALS = [['PT1S', 'a second'], ['PT1M', 'a minute'], ['PT1H', 'an hour'], ['P1D', 'a day']];

export async function render(root, params, page) {
    await styles('/pages.css');
    const top = h('div', {class: 'stack'}, skeleton(3)), bottom = h('div', {class: 'stack'});
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Queue and sources')), top, bottom);
    let timer = 0, status = null, sources = [];

    async function load() {
        try {
            [status, {sources}] = await Promise.all([page.api.get('/api/queue/status', {signal: page.signal}), page.api.get('/api/sources', {signal: page.signal})]);
            drawQueue(status);
            drawSources();
        } catch (error) {
            if (!isAbort(error) && !status)
                fill(top, errorState(error, load));
        }
    }
    const soon = (ms) => { clearTimeout(timer); timer = setTimeout(load, ms); };
    page.leave(() => clearTimeout(timer));

    /* What people stopped: everything, and one source. */
    const stops = () => (status?.paused ?? []).filter((stop) => !stop.rates);
    const stopOf = (source) => stops().find((stop) => stop.source === source.name);
    const stopText = (stop) => [stop.by && ['by ', Text(stop.by, 64)], stop.since && [' since ', Time(stop.since)], stop.until && [' until ', Time(stop.until)], stop.reason && [': ', Text(stop.reason, 200)]];

    function drawQueue({daemon, queue, slots}) {
        const stat = (label, value, more, href) => h(href ? 'a' : 'div', {class: 'stat', ...(href ? {href} : {})}, h('span', {class: 'label'}, label), h('span', {class: 'value live-number'}, value), more && h('span', {class: 'more'}, more));
        const whole = stops().filter((stop) => !stop.source);
        const depthMost = Math.max(1, ...PLACES.flatMap(([place]) => PRIORITIES.map((p) => queue[place]?.[p]?.depth ?? 0)));
        fill(top,
            !daemon.running && h('div', {class: 'banner', dataset: {tone: 'bad'}, role: 'status'}, icon('alert'), h('div', {}, h('strong', {}, 'No daemon runs'), h('p', {}, 'Jobs are taken in and go on when batchspoold is started. Nothing is lost.'))),
            whole.map((stop) => h('div', {class: 'banner', dataset: {tone: 'warn'}}, icon('pause'), h('div', {}, h('strong', {}, 'Everything is paused'), h('p', {}, stopText(stop)), h('p', {class: 'muted small'}, 'Nothing new is begun. ', h('code', {}, 'batchspool resume'), ' at the command line lets it go on.')))),
            h('div', {class: 'stats'}, stat('Daemon', daemon.running ? 'runs' : 'down', daemon.since ? ['since ', Ago(daemon.since)] : null), slots && stat('Slots', `${num(slots.used)} of ${num(slots.max)}`, 'in use'),
                PLACES.map(([place, label, word]) => stat(label, num(queue[place]?.depth), queue[place]?.oldest_s === null || queue[place]?.oldest_s === undefined ? null : `oldest ${duration(queue[place].oldest_s)}`, `/jobs?filter=${encodeURIComponent(`status:${word}`)}`))),
            h('div', {class: 'table-wrap'}, h('table', {class: 'table depth', 'aria-label': 'Jobs by priority and place'},
                h('thead', {}, h('tr', {}, h('th', {scope: 'col'}, 'Priority'), PLACES.map(([, label]) => h('th', {scope: 'col'}, label)))),
                h('tbody', {}, PRIORITIES.map((priority) => h('tr', {}, h('th', {scope: 'row'}, capital(priority)), PLACES.map(([place, label, word]) => {
                    const figure = queue[place]?.[priority] ?? {depth: 0, oldest_s: null};
                    return h('td', {dataset: {label}}, figure.depth ? [h('a', {class: 'live-number', href: `/jobs?filter=${encodeURIComponent(`status:${word} priority:${priority}`)}`}, num(figure.depth)), figure.oldest_s !== null && h('span', {class: 'muted small'}, h('span', {class: 'word'}, ' oldest '), duration(figure.oldest_s)), h('div', {class: 'bar'}, h('span', {style: {width: `${figure.depth / depthMost * 100}%`}}))] : h('span', {class: 'muted'}, '0'));
                })))))));
    }

    function stateOf(source) {
        if (!source.ok)
            return [Badge('wrong', 'bad')];
        const stop = stopOf(source);
        if (source.paused && !stop && stops().some((s) => !s.source))
            return [Badge('paused', 'warn'), h('div', {class: 'muted small'}, 'with everything')];
        if (source.paused)
            return [Badge('paused', 'warn'), h('div', {class: 'muted small'}, stop ? stopText(stop) : Text(source.paused, 200))];
        const limits = source.limits ?? {};
        if (limits.paused)
            return [Badge(limits.circuit_breaker === 'open' ? 'not reached' : 'waits', 'warn'), h('div', {class: 'muted small'}, reasonText(limits.paused), limits.paused_until && [', until ', Time(limits.paused_until)])];
        return [Badge(limits.circuit_breaker === 'trying' ? 'tries again' : 'open', limits.circuit_breaker === 'trying' ? 'wait' : 'ok')];
    }
    function limitsOf(source) {
        const limits = source.limits ?? {}, rows = [];
        for (const budget of limits.budgets ?? [])
            rows.push(bar(`${num(budget.left)} of ${num(budget.limit)} requests left in ${duration(budget.seconds)}`, budget.left / Math.max(1, budget.limit)));
        if (limits.daily_cost)
            rows.push(bar(`${money(limits.daily_cost.left, limits.daily_cost.currency)} of ${money(limits.daily_cost.cap, limits.daily_cost.currency)} left today`, Number(limits.daily_cost.left) / Math.max(1e-9, Number(limits.daily_cost.cap))));
        return [rows, h('div', {class: 'muted small'}, [limits.concurrency !== undefined && `${num(limits.concurrency)} of ${num(limits.max_concurrency)} at a time`, source.rate && clip(source.rate, 120), limits.learned_distance_s > 0 && `learned: one each ${duration(limits.learned_distance_s)}`].filter(Boolean).join(' · '))];
    }
    const bar = (text, share) => h('div', {class: 'limit'}, h('div', {class: 'small'}, text), h('div', {class: 'bar'}, h('span', {dataset: {tone: share < 0.1 ? 'bad' : share < 0.3 ? 'warn' : 'ok'}, style: {width: `${Math.max(0, Math.min(1, share)) * 100}%`}})));

    async function send(source, act, body, from, said) {
        await busy(from, page.api.post(`/api/sources/${encodeURIComponent(source.name)}/${act}`, body, {signal: page.signal}));
        page.toast(said, {text: source.name});
        soon(700);
        setTimeout(() => { if (!page.signal.aborted) load(); }, 3000);
    }
    async function resume(source, from) {
        if (!await confirm({title: `Resume ${source.name}?`, text: 'What waits for it goes on at once.', ok: 'Resume it', cancel: 'Leave it paused'}))
            return;
        send(source, 'resume', undefined, from, 'The source goes on').catch((error) => page.toastError(error));
    }
    function formDialog(title, content, okLabel, save) {
        const ok = button(okLabel, {class: 'primary', onclick: () => form.requestSubmit()});
        const form = h('form', {class: 'stack', novalidate: true, onsubmit: async (event) => {
            event.preventDefault();
            clearErrors(form);
            try {
                if (await save(ok, (pointer, detail) => showErrors(form, {message: '', errors: [{pointer, detail}]})) !== false)
                    shown.close();
            } catch (error) {
                if (!isAbort(error))
                    showErrors(form, error);
            }
        }}, content, h('button', {type: 'submit', hidden: true}));
        const shown = openDialog({title, content: [form], actions: [button('Cancel', {onclick: () => shown.close()}), ok]});
        form.querySelector('input, select')?.focus();
    }
    function pause(source) {
        const until = h('input', {type: 'datetime-local'}), reason = h('input', {type: 'text', maxlength: '199', placeholder: 'Invoice under dispute'});
        formDialog(`Pause ${source.name}`, [h('p', {class: 'muted'}, 'Nothing new is begun with it. Answers that are on their way are awaited and kept.'), field('Reason', reason, {pointer: '/reason', help: 'What everybody who looks is told.'}), field('Until', until, {pointer: '/until', help: 'Nothing: until somebody resumes it.'})], 'Pause it', async (ok, bad) => {
            if (until.value && Date.parse(until.value) <= Date.now())
                return bad('/until', 'This time is over'), false;
            await send(source, 'pause', {...(reason.value.trim() ? {reason: reason.value.trim()} : {}), ...(until.value ? {until: fromLocalInput(until.value)} : {})}, ok, 'The source is paused');
        });
    }
    function rate(source) {
        const limits = source.limits ?? {}, rows = (limits.budgets ?? []).filter((b) => b.type === 'moving_window').map((b) => ({limit: String(b.limit), interval: INTERVALS.find(([iso]) => ({PT1S: 1, PT1M: 60, PT1H: 3600, P1D: 86400})[iso] === b.seconds)?.[0] ?? `PT${b.seconds}S`}));
        const mode = select([['set', 'Other limits'], ['default', 'As its definition says']], {value: 'set', onchange: () => { body.hidden = mode.value !== 'set'; }});
        const list = h('div', {class: 'stack tight'});
        const at = h('input', {type: 'number', min: '1', max: '1000', step: '1', inputmode: 'numeric', placeholder: String(limits.max_concurrency ?? '')});
        const reason = h('input', {type: 'text', maxlength: '199'});
        const draw = () => fill(list, rows.map((row, i) => h('div', {class: 'row nowrap'}, h('input', {type: 'number', class: 'input', min: '1', step: '1', inputmode: 'numeric', 'aria-label': 'Requests', value: row.limit, oninput: (event) => { row.limit = event.target.value; }}), h('span', {class: 'muted nowrap'}, 'requests in'), select([...INTERVALS, ...(INTERVALS.some(([iso]) => iso === row.interval) ? [] : [[row.interval, row.interval]])], {'aria-label': 'Interval', value: row.interval, onchange: (event) => { row.interval = event.target.value; }}),
            button('Remove this limit', {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => { rows.splice(i, 1); draw(); }}))), rows.length < 4 && h('div', {}, button('Add a limit', {icon: 'plus', class: 'ghost small', onclick: () => { rows.push({limit: '', interval: 'PT1M'}); draw(); }})));
        const body = h('div', {class: 'stack'}, h('div', {class: 'field', dataset: {pointer: '/rates'}}, h('span', {class: 'label-like'}, 'Requests'), list, h('p', {class: 'error'})), field('At a time', at, {pointer: '/concurrency', help: 'Requests in flight together. Nothing: as now.'}));
        if (!rows.length)
            rows.push({limit: '', interval: 'PT1M'});
        draw();
        formDialog(`Rate of ${source.name}`, [field('Limits', mode, {pointer: '/default'}), body, field('Reason', reason, {pointer: '/reason'})], 'Set', async (ok, bad) => {
            const given = reason.value.trim() ? {reason: reason.value.trim()} : {};
            if (mode.value === 'default')
                return send(source, 'rate', {default: true, ...given}, ok, 'Limits are as its definition says');
            const rates = rows.filter((row) => String(row.limit).trim()).map((row) => ({limit: Number(row.limit), interval: row.interval}));
            if (rates.some((r) => !Number.isInteger(r.limit) || r.limit < 1))
                return bad('/rates', 'A whole number, 1 or more'), false;
            const concurrency = at.value ? Number(at.value) : null;
            if (!rates.length && !concurrency)
                return bad('/rates', 'Say at least one limit'), false;
            await send(source, 'rate', {...(rates.length ? {rates} : {}), ...(concurrency ? {concurrency} : {}), ...given}, ok, 'The limits are set');
        });
    }
    function acts(source) {
        if (!page.can('operator') || !source.ok)
            return null;
        const turn = source.paused && (stopOf(source) || !stops().length) ? button('Resume', {icon: 'play', class: 'small', onclick: () => resume(source, turn)}) : button('Pause', {icon: 'pause', class: 'small', onclick: () => pause(source)});
        const more = menuButton(button(`More about ${source.name}`, {icon: 'more', class: 'ghost small', hideLabel: true}), () => [
            {label: 'Rate…', icon: 'queue', onclick: () => rate(source)}, {label: 'New job', icon: 'plus', onclick: () => page.navigate(`/new?source=${encodeURIComponent(source.name)}`)}]);
        return h('div', {class: 'row end nowrap'}, turn, more);
    }
    /* Drawn anew only when something changed, and not below an open menu; what has the focus keeps it. */
    let drawn = '';
    function drawSources() {
        const now = JSON.stringify([sources, status.sources, status.paused]);
        if (now === drawn)
            return;
        if (document.querySelector('.menu'))
            return soon(1000);
        drawn = now;
        const row = document.activeElement?.closest?.('tr'), at = bottom.contains(row) ? [row.rowIndex, [...row.querySelectorAll('a, button')].indexOf(document.activeElement)] : null;
        drawTable();
        if (at)
            bottom.querySelector('table')?.rows[at[0]]?.querySelectorAll('a, button')[at[1]]?.focus({preventScroll: true});
    }
    function drawTable() {
        const counts = new Map((status.sources ?? []).map((s) => [s.source, s]));
        if (!sources.length)
            return fill(bottom, h('h2', {}, 'Sources'), emptyState('No sources yet', 'A source is a definition in sources/NAME.json beside the configuration.'));
        const table = simpleTable({label: 'Sources', rows: sources, columns: [
            {label: 'Source', main: true, cell: (s) => [h('a', {href: `/jobs?filter=${encodeURIComponent(`source:${s.name}`)}`}, h('strong', {}, Text(s.name, 64))), h('div', {class: 'muted small'}, s.ok ? (s.metered ? (s.cost_per_record ? `${money(s.cost_per_record, s.currency)} a record` : 'charges for records') : 'free of charge') : null), s.error && h('p', {class: 'tone-bad small'}, Text(s.error, 300))]},
            {label: 'State', cell: stateOf},
            ...PLACES.map(([place, label, word]) => ({label, class: 'num', cell: (s) => { const n = counts.get(s.name)?.[place]; return n ? h('a', {class: 'live-number', href: `/jobs?filter=${encodeURIComponent(`status:${word} source:${s.name}`)}`}, num(n)) : n === 0 ? '0' : NONE; }})),
            {label: 'Limits', class: 'full limits', cell: limitsOf},
            ...(page.can('operator') ? [{label: '', class: 'end bare', cell: acts}] : [])]});
        table.querySelector('table').classList.add('cards');
        fill(bottom, h('h2', {}, 'Sources'), table);
    }
    page.on('queue', (event) => {
        if (!status)
            return;
        status = {...status, ...event, sources: status.sources};
        drawQueue(status);
        soon(2000);
    });
    page.on('resync', load);
    page.every(20000, load);
    await load();
}
