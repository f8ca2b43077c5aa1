// SPDX-License-Identifier: Apache-2.0
/* Who did what: the acts of the journals and of this program, newest first, filtered. */
import {h, fill, button, icon} from './dom.js';
import {field, select} from './form.js';
import {createList, emptyState} from './table.js';
import {NONE, Text, Time, clip, money, plural} from './format.js';
import {capital, reasonText} from './words.js';
import {styles} from './assets.js';

const EVENTS = ['accepted', 'cancelled', 'held', 'released', 'requeued', 'reprioritised', 'charge_unknown', 'completed', 'failed', 'loaded', 'deferred', 'rejected',
    'login', 'key.add', 'key.remove', 'user.add', 'user.change', 'user.remove', 'source.pause', 'source.resume', 'source.rate', 'schedule.add', 'schedule.change', 'schedule.remove'];
const actText = (event) => capital(clip(event.replaceAll('.', ' '), 60));
/* A key acts for its user; who signed in is told by what was signed in to. */
const who = (e) => (e.event === 'login' && e.outcome === 'ok' && e.target ? e.target : e.by.replace(/ by key \S+$/, ''));
const SPANS = [['', 'Any time'], ['PT1H', 'Last hour'], ['P1D', 'Last day'], ['P7D', 'Last 7 days'], ['P30D', 'Last 30 days']];
const FIELDS = ['by', 'event', 'source', 'campaign', 'job', 'since', 'until'];

export async function render(root, params, page) {
    await styles('/pages.css');
    let timer = 0;
    const now = (name) => page.query.get(name) ?? '';
    const set = (name, value) => { page.setQuery({[name]: value.trim() || null}); clearTimeout(timer); timer = setTimeout(() => list.restart(), 300); drawClear(); };
    const text = (label, name, placeholder = '') => field(label, h('input', {type: 'text', value: now(name), placeholder, spellcheck: 'false', autocomplete: 'off', oninput: (event) => set(name, event.target.value), ...(name === 'by' ? {dataset: {filter: ''}} : {})}));
    const event = select([['', 'Any act'], ...EVENTS.map((e) => [e, actText(e)]), ...(now('event') && !EVENTS.includes(now('event')) ? [[now('event'), clip(now('event'), 60)]] : [])], {value: now('event'), onchange: () => set('event', event.value)});
    const since = select([...SPANS, ...(now('since') && !SPANS.some(([v]) => v === now('since')) ? [[now('since'), `Since ${clip(now('since'), 30)}`]] : [])], {value: now('since'), onchange: () => set('since', since.value)});
    const damage = h('div');
    const clear = button('Show all', {icon: 'close', class: 'ghost small', onclick: () => page.navigate('/audit')});
    const drawClear = () => { clear.hidden = !FIELDS.some((name) => now(name)); };
    /* The list wants a key for each row; two lines of a journal differ by job and seq, others by their time and place. */
    const keyed = {...page, api: {...page.api, get: async (...given) => { const answer = await page.api.get(...given); (answer.events ?? []).forEach((e, at) => { e.key = e.seq ? `${e.job_id} ${e.seq}` : `${e.ts} ${at}`; }); return answer; }}};
    const detail = (e) => [e.decision && ['decision', capital(e.decision)], e.reason && ['reason', reasonText(e.reason)], e.from && e.to && ['moved', `${e.from} → ${e.to}`], e.priority && ['priority', capital(e.priority)], e.batch !== undefined && ['batch', e.batch], e.status && ['status', e.status], e.until && ['until', e.until], e.name && ['name', e.name], e.request_id && ['request', e.request_id], e.error && ['error', e.error], e.target && e.event !== 'login' && ['of', e.target], e.outcome && e.outcome !== 'ok' && ['outcome', e.outcome], / by key \S+$/.test(e.by) && ['key', e.by.replace(/^.* by key /, '')], e.client && ['from', e.client === 'command' ? 'the command line' : e.client]].filter(Boolean);
    const list = createList(keyed, {label: 'Acts', path: '/api/audit', member: 'events', key: 'key', sort: null, query: () => Object.fromEntries(FIELDS.map((name) => [name, now(name)])), columns: [
        {label: 'When', class: 'nowrap', cell: (e) => Time(e.ts)},
        {label: 'Who', class: 'nowrap', cell: (e) => [h('button', {type: 'button', class: 'link', title: 'Only this one', onclick: () => { page.setQuery({by: who(e), cursor: null, page: null}); page.navigate(location.pathname + location.search, {replace: true}); }}, Text(who(e), 64)),
            e.created_by && e.created_by !== e.by && h('div', {class: 'small'}, 'for ', Text(e.created_by, 64)), e.user && e.user !== e.by && h('div', {class: 'muted small'}, e.uid_of === 'file' ? 'file of ' : '', Text(e.user, 64))]},
        {label: 'What', main: true, cell: (e) => [h('strong', {}, actText(e.event)), h('div', {class: 'small muted'}, detail(e).map(([name, value], at) => [at > 0 && ' · ', `${name}: `, Text(String(value), 160)]))]},
        {label: 'Job', cell: (e) => (e.job_id ? [h('a', {href: `/jobs/${encodeURIComponent(e.job_id)}`}, Text(e.job_id.replace(/^\d{8}T\d{6}Z-[0-9a-f]+-/, ''), 40)), h('div', {class: 'muted small'}, Text(e.source, 64))] : NONE)},
        {label: 'Campaign', cell: (e) => (e.campaign_id ? Text(e.campaign_id, 64) : NONE)},
        {label: 'Money', class: 'num', cell: (e) => (e.money ? [money(e.money, e.currency), h('div', {class: 'muted small'}, capital(e.money_is ?? ''))] : NONE)},
    ], onload: (answer) => fill(damage, answer.damaged > 0 && h('div', {class: 'banner', dataset: {tone: 'bad'}, role: 'alert'}, icon('alert'), h('p', {}, `${plural(answer.damaged, 'line')} of journals were changed or damaged: \`batchspool verify\` tells which.`))),
    empty: () => emptyState('No acts', FIELDS.some((name) => now(name)) ? 'None fits these filters.' : 'What people and programs do is listed here.')});
    const fresh = button('New acts', {icon: 'refresh', class: 'small', onclick: () => { fresh.hidden = true; list.restart(); }});
    fresh.hidden = true;
    fill(root, h('div', {class: 'page-head'}, h('h1', {class: 'grow'}, 'Audit'), fresh, clear),
        h('form', {class: 'form-grid audit-filters', role: 'search', 'aria-label': 'Filter', onsubmit: (e) => e.preventDefault()}, text('By', 'by', 'user, mv or daemon'), field('Act', event), text('Source', 'source'), text('Campaign', 'campaign'), text('Job', 'job', 'its id'), field('When', since)), damage, list.element);
    drawClear();
    page.on('job', () => { if (!page.query.get('cursor') && list.loaded) fresh.hidden = false; });
    page.on('resync', () => list.reload());
    page.leave(() => clearTimeout(timer));
    await list.load();
}
