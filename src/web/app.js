// SPDX-License-Identifier: Apache-2.0
/* The shell: session, navigation, the live state, keys; and the router, which loads the module of a page when somebody goes there.
 *
 * A page is `page-NAME.js` with `export async function render(root, params, page)`; its row in ROUTES gives its path. `page` is:
 *   title(text)                          heading of the window (the page draws its own <h1>)
 *   api, events, toast, toastError       as their modules say
 *   user {name, role}, can(role)         'viewer' < 'operator' < 'admin'
 *   query                                URLSearchParams of the address; setQuery({name: value or null}, {push}) changes it without drawing anew
 *   navigate(path, {replace})            goes there (links in the page do by themselves)
 *   signal                               aborted when the page is left: give it to every request
 *   on(event, listener)                  events.on for as long as the page is there; `resync` should ask for everything again
 *   every(ms, run)                       a timer that ends with the page, and rests while nobody looks
 *   keys({k: {help, run, when}})         keys of the page; they do nothing while a field has the focus
 *   know(rows)                           jobs that are shown: their ends are told by a notice
 *   leave(run)                           when the page is left
 * An error that render throws is shown with a way to try again; a 404 as "not there". */
import {h, add, fill, icon, button} from './dom.js';
import {api, ApiError, isAbort, session, login, logout, resume} from './api.js';
import {events} from './events.js';
import {toast, toastError} from './toast.js';
import {openDialog, menuButton, busy} from './dialog.js';
import {field} from './form.js';
import {emptyState, errorState, skeleton} from './table.js';
import {tick, clip, clockTime, num, plural} from './format.js';
import {jobTitle} from './jobs.js';
import {capital, reasonOf} from './words.js';

const ROUTES = [
    {path: '/jobs', page: 'jobs', label: 'Jobs', icon: 'jobs', group: 0},
    {path: '/jobs/:id', page: 'job', of: '/jobs'},
    {path: '/jobs/:id/review', page: 'review', of: '/jobs'},
    {path: '/new', page: 'new', label: 'New job', icon: 'plus', group: 0, role: 'operator'},
    {path: '/urls', page: 'urls', label: 'URLs', icon: 'link', group: 0, role: 'operator'},
    {path: '/documents', page: 'documents', label: 'Documents', icon: 'doc', group: 0, role: 'operator'},
    {path: '/files', page: 'files', label: 'Files', icon: 'file', group: 1},
    {path: '/errors', page: 'errors', label: 'Errors', icon: 'alert', group: 1},
    {path: '/searches', page: 'searches', label: 'Searches', icon: 'star', group: 1},
    {path: '/schedules', page: 'schedules', label: 'Schedules', icon: 'clock', group: 1},
    {path: '/queue', page: 'queue', label: 'Queue and sources', icon: 'queue', group: 2},
    {path: '/money', page: 'money', label: 'Money', icon: 'money', group: 2},
    {path: '/health', page: 'health', label: 'Health', icon: 'health', group: 2},
    {path: '/audit', page: 'audit', label: 'Audit', icon: 'audit', group: 2, role: 'admin'},
    {path: '/account', page: 'account'},
];
const RANKS = {viewer: 0, operator: 1, admin: 2};
const can = (role) => (RANKS[session.user?.role] ?? -1) >= (RANKS[role] ?? 0);

/* ---- keys ---- */

const shellKeys = {
    '?': {help: 'This help', run: showKeys},
    '/': {help: 'Filter', run: () => document.querySelector('#main [data-filter]')?.focus()},
    'g j': {help: 'Go to jobs', run: () => navigate('/jobs')},
    'g n': {help: 'Go to new job', run: () => can('operator') && navigate('/new')},
    'g f': {help: 'Go to files', run: () => navigate('/files')},
    'g e': {help: 'Go to errors', run: () => navigate('/errors')},
    'g q': {help: 'Go to queue and sources', run: () => navigate('/queue')},
    'g m': {help: 'Go to money', run: () => navigate('/money')},
};
let pageKeys = {};
let prefix = '', prefixTimer = 0;

document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || !session.user || document.querySelector('dialog[open], .menu'))
        return;
    if (event.target.matches?.('input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]')) {
        if (event.key === 'Escape')
            event.target.blur();
        return;
    }
    const key = prefix + event.key;
    clearTimeout(prefixTimer);
    prefix = '';
    const found = pageKeys[key] ?? shellKeys[key];
    if (found && (!found.when || found.when(event))) {
        event.preventDefault();
        found.run(event);
    } else if (event.key === 'g') {
        prefix = 'g ';
        prefixTimer = setTimeout(() => { prefix = ''; }, 1000);
    }
});

function showKeys() {
    const rows = (keys) => Object.entries(keys).map(([key, {help}]) => h('div', {class: 'key'}, h('dt', {}, key.split(' ').map((k) => h('kbd', {}, k))), h('dd', {}, help)));
    openDialog({title: 'Keys', content: [h('div', {class: 'keys'}, Object.keys(pageKeys).length > 0 && [h('h3', {}, 'On this page'), h('dl', {}, rows(pageKeys))], h('h3', {}, 'Everywhere'), h('dl', {}, rows(shellKeys)))]});
}

/* ---- the router ---- */

let current = null; /* {abort, leave: []} of the page that is shown */
let main = null;
let shown = ''; /* path and query that are drawn */

function match(path) {
    for (const route of ROUTES) {
        const wanted = route.path.split('/'), given = path.replace(/(.)\/$/, '$1').split('/');
        const params = {};
        if (wanted.length === given.length && wanted.every((part, at) => {
            if (part[0] !== ':')
                return part === given[at];
            try {
                params[part.slice(1)] = decodeURIComponent(given[at]);
            } catch {
                return false;
            }
            return given[at] !== '';
        }))
            return {route, params};
    }
    return null;
}

export function navigate(path, {replace = false} = {}) {
    history[replace ? 'replaceState' : 'pushState'](null, '', path);
    return draw();
}

function leavePage() {
    current?.abort.abort();
    for (const run of current?.leave ?? [])
        run();
    for (const dialog of document.querySelectorAll('dialog[open]'))
        dialog.close();
    current = null;
    pageKeys = {};
}

function makePage(mine) {
    const page = {
        api, events, toast, toastError, can, navigate, user: session.user, signal: mine.abort.signal,
        query: new URLSearchParams(location.search),
        title: (text) => { document.title = `${text} · batchspool`; },
        setQuery(changes, {push = false} = {}) {
            for (const [name, value] of Object.entries(changes))
                if (value === null || value === undefined || value === '')
                    page.query.delete(name);
                else
                    page.query.set(name, value);
            const text = page.query.toString();
            history[push ? 'pushState' : 'replaceState'](null, '', location.pathname + (text ? `?${text}` : ''));
            shown = location.pathname + location.search;
        },
        know: remember,
        leave: (run) => mine.leave.push(run),
        on: (name, listener) => mine.leave.push(events.on(name, listener)),
        every(ms, run) {
            const timer = setInterval(() => { if (!document.hidden) run(); }, ms);
            mine.leave.push(() => clearInterval(timer));
        },
        keys: (keys) => Object.assign(pageKeys, Object.fromEntries(Object.entries(keys).filter(([, key]) => key))),
    };
    return page;
}

async function draw() {
    leavePage();
    shown = location.pathname + location.search;
    if (location.pathname === '/' || location.pathname === '/index.html')
        return navigate('/jobs', {replace: true});
    if (location.pathname === '/login')
        return navigate(safeNext(), {replace: true});
    const found = match(location.pathname);
    const mine = current = {abort: new AbortController(), leave: []};
    for (const link of document.querySelectorAll('nav a'))
        link.toggleAttribute('data-current', link.pathname === (found?.route.of ?? found?.route.path));
    for (const link of document.querySelectorAll('nav a'))
        if (link.hasAttribute('data-current'))
            link.setAttribute('aria-current', 'page');
        else
            link.removeAttribute('aria-current');
    document.body.classList.remove('nav-open');
    const root = h('div', {class: 'page'});
    fill(main, root);
    scrollTo({top: 0});
    const page = makePage(mine);
    page.title(found?.route.label ?? 'batchspool');
    if (!found || found.route.role && !can(found.route.role)) {
        add(root, h('h1', {}, found ? 'Not for your role' : 'Not there'), emptyState(found ? `This page is for the role ${found.route.role}.` : 'There is no such page.', '', h('a', {class: 'btn', href: '/jobs'}, 'To the jobs')));
        return focusMain();
    }
    const waiting = setTimeout(() => { if (!root.childElementCount) add(root, skeleton()); }, 150);
    let tries = 0;
    const show = async () => {
        clearTimeout(mine.again);
        try {
            /* A module that could not be fetched may be remembered as that, so another try has another address. */
            const module = await import(`./page-${found.route.page}.js${tries++ ? `?try=${tries}` : ''}`).catch((error) => { console.error(error); throw new ApiError(0, {detail: 'This page could not be loaded.'}); });
            if (current !== mine)
                return;
            clearTimeout(waiting);
            fill(root);
            await module.render(root, found.params, page);
        } catch (error) {
            if (isAbort(error) || current !== mine)
                return;
            clearTimeout(waiting);
            if (!(error instanceof ApiError))
                console.error(error);
            fill(root, h('h1', {}, error.status === 404 ? 'Not there' : found.route.label ?? 'Not loaded'), error.status === 404 ? emptyState(clip(error.message, 300), '', h('a', {class: 'btn', href: found.route.of ?? '/jobs'}, 'Back to the list')) : errorState(error, show));
            if (error.status === 0 || error.status === 503)
                mine.again = setTimeout(() => { if (current === mine) show(); }, (error.retryAfter ?? 3) * 1000);
        }
    };
    await show();
    focusMain();
}
/* A screen reader hears of the new page; the first page leaves the focus alone. */
let drawnOnce = false;
function focusMain() {
    if (drawnOnce && (document.activeElement === document.body || !document.activeElement))
        main.focus({preventScroll: true});
    drawnOnce = true;
}

addEventListener('popstate', () => {
    if (session.user && location.pathname + location.search !== shown)
        draw();
});
document.addEventListener('click', (event) => {
    const link = event.target.closest?.('a[href]');
    if (!link || event.defaultPrevented || event.button !== 0 || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || link.target || link.hasAttribute('download') || link.origin !== location.origin || !session.user)
        return;
    if (link.getAttribute('href')[0] === '#' || link.pathname.startsWith('/api/') || link.pathname === '/metrics')
        return;
    event.preventDefault();
    navigate(link.pathname + link.search);
});

/* ---- the frame ---- */

const THEMES = [['', 'System'], ['light', 'Light'], ['dark', 'Dark']];
function setTheme(theme) {
    if (theme)
        document.documentElement.dataset.theme = theme;
    else
        delete document.documentElement.dataset.theme;
    try {
        if (theme)
            localStorage.setItem('theme', theme);
        else
            localStorage.removeItem('theme');
    } catch { /* for this window only, then */ }
    dispatchEvent(new Event('theme'));
}

function userMenu() {
    const theme = () => document.documentElement.dataset.theme ?? '';
    return menuButton(h('button', {type: 'button', class: 'btn ghost user', title: 'Account'}, icon('user'), h('span', {class: 'grow'}, h('bdi', {}, session.user.name)), h('span', {class: 'muted'}, session.user.role)), () => [
        ...THEMES.map(([value, label]) => ({label: `${label} theme`, icon: theme() === value ? 'check' : value === 'dark' ? 'moon' : 'sun', onclick: () => setTheme(value)})),
        null,
        {label: 'Password and keys', icon: 'key', onclick: () => navigate('/account')},
        {label: 'Keyboard', icon: 'help', hint: '?', onclick: showKeys},
        null,
        {label: 'Sign out', icon: 'out', onclick: () => logout().catch(toastError)},
    ]);
}

function frame() {
    const groups = [0, 1, 2].map((group) => h('ul', {}, ROUTES.filter((r) => r.group === group && (!r.role || can(r.role))).map((r) => h('li', {}, h('a', {href: r.path}, icon(r.icon), h('span', {}, r.label))))));
    const live = h('span', {class: 'live', dataset: {state: 'connecting'}}, 'Connecting');
    const banner = h('div', {class: 'banner top', dataset: {tone: 'warn'}, role: 'status', hidden: true});
    const menu = button('Menu', {icon: 'menu', class: 'ghost', hideLabel: true, onclick: () => {
        menu.setAttribute('aria-expanded', String(document.body.classList.toggle('nav-open')));
        if (document.body.classList.contains('nav-open'))
            document.querySelector('nav a')?.focus();
    }});
    menu.setAttribute('aria-expanded', 'false');
    main = h('main', {id: 'main', tabindex: '-1'});
    fill(document.getElementById('app'), h('div', {class: 'frame'},
        h('header', {class: 'bar-top'}, menu, h('a', {class: 'brand', href: '/jobs'}, 'batchspool'), h('span', {class: 'grow'})),
        h('aside', {class: 'side', 'aria-label': 'Navigation and account'},
            h('a', {class: 'brand', href: '/jobs'}, h('img', {src: '/icon.svg', alt: '', width: '22', height: '22'}), 'batchspool'),
            h('nav', {'aria-label': 'Main'}, groups),
            h('div', {class: 'side-foot'}, live, userMenu())),
        h('div', {class: 'shade', onclick: () => document.body.classList.remove('nav-open')}),
        h('div', {class: 'content'}, banner, main)));
    showState(live, banner);
}

/* Old numbers are never shown as if they were of now; and without a daemon nothing goes on, which nobody should have to guess. */
const DAEMON_MS = 20000;
function showState(live, banner) {
    const words = {live: 'Live', connecting: 'Connecting', offline: 'Not connected'};
    let daemon = true;
    const show = () => {
        const {state} = events, old = state === 'offline';
        live.dataset.state = state;
        live.textContent = words[state];
        document.body.classList.toggle('stale', old);
        banner.hidden = !old && daemon;
        if (old)
            fill(banner, icon('alert'), h('span', {class: 'grow'}, 'Not connected. ', events.seen ? `What you see is of ${clockTime(new Date(events.seen).toISOString())}. ` : '', 'It connects again by itself.'));
        else if (!daemon)
            fill(banner, icon('alert'), h('span', {class: 'grow'}, 'The daemon is not running: nothing is asked for and nothing is loaded until it is. Jobs can be made and changed all the same.'));
    };
    async function look() {
        try {
            const answer = await api.get('/api/queue/status');
            daemon = answer.daemon?.running !== false;
            show();
        } catch { /* the state of the connection is told by the stream */ }
    }
    const timer = setInterval(() => { if (!document.hidden && events.state === 'live') look(); }, DAEMON_MS);
    frameOff.push(() => clearInterval(timer), events.on('state', (state) => { show(); if (state === 'live') look(); }));
    show();
}
let frameOff = [];

/* Jobs that end, and what the daemon has to say. Only what changes while one looks: the state that a job had before is remembered, not asked for. */
const lastStatus = new Map();
const ENDS = {COMPLETED: ['ok', 'Completed'], FAILED: ['bad', 'Failed'], HELD: ['warn', 'On hold']};
let ended = [], endTimer = 0;
function tellEnds() {
    const rows = ended;
    ended = [];
    endTimer = 0;
    if (rows.length <= 2)
        for (const row of rows)
            toast(`${ENDS[row.status][1]}: ${jobTitle(row)}`, {tone: row.status === 'COMPLETED' && row.failed_units > 0 ? 'warn' : ENDS[row.status][0], text: row.status === 'COMPLETED' ? `${plural(row.processed_records ?? 0, 'record')} captured, ${num(row.success_count ?? 0)} loaded${row.failed_units > 0 ? `, ${num(row.failed_units)} failed` : ''}` : reasonOf(row), href: `/jobs/${encodeURIComponent(row.job_id)}`, key: row.job_id});
    else {
        const count = (status) => rows.filter((row) => row.status === status).length;
        const parts = Object.entries(ENDS).map(([status, [, word]]) => count(status) && `${count(status)} ${word.toLowerCase()}`).filter(Boolean);
        toast(`${plural(rows.length, 'job')}: ${parts.join(', ')}`, {tone: count('FAILED') ? 'warn' : 'info', href: '/jobs?sort=-updated_at', key: 'ended'});
    }
}
function remember(rows) {
    for (const {job_id: id, status} of rows) {
        lastStatus.delete(id);
        lastStatus.set(id, status);
        if (lastStatus.size > 2000)
            lastStatus.delete(lastStatus.keys().next().value);
    }
}
function watchJobs() {
    frameOff.push(() => { clearTimeout(endTimer); endTimer = 0; ended = []; });
    frameOff.push(events.on('job', (row) => {
        const was = lastStatus.get(row.job_id);
        remember([row]);
        if (ENDS[row.status] && was && was !== row.status && (row.mode ?? 'run') === 'run') {
            ended.push(row);
            endTimer ||= setTimeout(tellEnds, 700);
        }
    }));
    /* The ends of jobs are told above; the rest is what the daemon has to say. */
    frameOff.push(events.on('notice', ({level, kind, text, job_id: id, source}) => {
        if (!['completed', 'failed', 'held'].includes(kind))
            toast(text || capital(kind), {tone: level === 'error' ? 'bad' : level === 'warning' ? 'warn' : 'info', href: id ? `/jobs/${encodeURIComponent(id)}` : source ? '/queue' : null, key: `${kind} ${id ?? source ?? ''}`});
    }));
}

/* ---- signing in ---- */

/* Only a path of ours: never another host. */
function safeNext() {
    const next = new URLSearchParams(location.search).get('next') ?? '';
    return /^\/(?![/\\])/.test(next) && !next.startsWith('/login') ? next : '/jobs';
}

function showLogin(message = '') {
    document.title = 'Sign in · batchspool';
    const name = h('input', {type: 'text', autocomplete: 'username', required: true, autocapitalize: 'none', spellcheck: 'false', maxlength: '64'});
    const password = h('input', {type: 'password', autocomplete: 'current-password', required: true, maxlength: '1024'});
    const wrong = h('div', {class: 'banner', dataset: {tone: 'bad'}, role: 'alert', hidden: !message}, message);
    const enter = h('button', {type: 'submit', class: 'btn primary wide'}, 'Sign in');
    const form = h('form', {class: 'card login', onsubmit: async (event) => {
        event.preventDefault();
        wrong.hidden = true;
        try {
            await busy(enter, login(name.value.trim(), password.value));
        } catch (error) {
            wrong.hidden = false;
            wrong.textContent = error.status === 401 ? 'This name and password are not known.' : error.status === 429 ? `Too many tries. Wait ${error.retryAfter ?? 30} s, then try again.` : error.message;
            password.value = '';
            password.focus();
        }
    }}, h('img', {src: '/icon.svg', alt: '', width: '40', height: '40'}), h('h1', {}, 'batchspool'), wrong, field('User name', name), field('Password', password), enter,
    h('p', {class: 'muted small'}, 'The first user is made by ', h('code', {}, 'batchspool user add NAME --role admin'), '.'));
    fill(document.getElementById('app'), h('main', {id: 'main', class: 'center-page'}, form));
    name.focus();
}

session.addEventListener('signed-in', () => {
    for (const off of frameOff)
        off();
    frameOff = [];
    frame();
    watchJobs();
    events.start();
    draw();
});
session.addEventListener('signed-out', () => {
    leavePage();
    events.stop();
    lastStatus.clear();
    for (const dialog of document.querySelectorAll('dialog'))
        dialog.close();
    history.replaceState(null, '', `/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    showLogin();
});

let startTimer = 0;
async function start() {
    clearTimeout(startTimer);
    try {
        if (!await resume())
            showLogin();
    } catch (error) {
        fill(document.getElementById('app'), h('main', {id: 'main', class: 'center-page'}, errorState(error, start)));
        if (error.status === 0 || error.status >= 500)
            startTimer = setTimeout(start, (error.retryAfter ?? 3) * 1000);
    }
}
setInterval(() => tick(), 5000);
start();
