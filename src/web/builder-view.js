// SPDX-License-Identifier: Apache-2.0
/* The criteria of a job: tabs of categories, a card for each criterion in use, badges. What it shows is `entries`, which it changes; changed() says that it did.
 *
 *   const view = builderView({builder, entries, changed, suggest});
 *   view.element, view.badges     where they go is the page's affair
 *   view.refresh(made)            after each change: what makeJob said of the entries
 *   view.reveal(id)               shows an entry and gives it the focus */
import {h, fill, button, icon, uniqueId} from './dom.js';
import {clip} from './format.js';
import {categoryOf, defOf, defsMatching, entryMake, entryShow, entryTitle, fillEntries, newEntry} from './builder.js';
import {editor} from './builder-editors.js';

export function builderView({builder, entries, changed, suggest}) {
    const others = {name: '', title: 'Other', criteria: []};
    const categories = [...builder.categories, others];
    const cards = new Map(); /* entry id -> element */
    const known = new Map(builder.categories.map((category, at) => [category.name, at % 9]));
    const badges = h('ul', {class: 'chips', 'aria-label': 'Criteria in use'});
    const tabs = h('div', {class: 'tabs wrap', role: 'tablist', 'aria-label': 'Kinds of criteria'}), panels = h('div', {class: 'card-body'}), found = h('div', {class: 'card-body', hidden: true});
    const parts = categories.map((category) => {
        const id = uniqueId('tab');
        const count = h('span', {class: 'count', hidden: true});
        const tab = h('button', {type: 'button', role: 'tab', id, 'aria-controls': `${id}-panel`, onclick: () => choose(part)}, category.title, count);
        const list = h('div', {class: 'criteria'}), adds = h('div', {class: 'adds'});
        const panel = h('div', {role: 'tabpanel', id: `${id}-panel`, 'aria-labelledby': id, class: 'stack'}, list, adds);
        const part = {category, tab, count, list, adds, panel};
        return part;
    });
    let active = parts[0];

    function choose(part, focus = false) {
        active = part;
        for (const other of parts) {
            other.tab.setAttribute('aria-selected', String(other === part));
            other.tab.tabIndex = other === part ? 0 : -1;
            other.panel.hidden = other !== part;
        }
        part.tab.scrollIntoView({block: 'nearest', inline: 'nearest'});
        if (focus)
            part.tab.focus();
    }
    tabs.addEventListener('keydown', (event) => {
        const shown = parts.filter((part) => !part.tab.hidden), at = shown.indexOf(active);
        const to = {ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: shown.length - 1}[event.key];
        if (to !== undefined) {
            event.preventDefault();
            choose(shown[(to + shown.length) % shown.length], true);
        }
    });
    const partOf = (entry) => parts.find((part) => part.category.name === categoryOf(builder, entry)) ?? parts.at(-1);

    function makeCard(entry) {
        const def = defOf(builder, entry.name);
        const body = h('div');
        const draw = () => fill(body, editor({builder, suggest, changed, fill: filled}, entry));
        draw();
        const card = h('section', {class: 'criterion field', 'aria-label': entryTitle(builder, entry)},
            h('header', {class: 'row'}, h('h3', {class: 'grow'}, h('bdi', {}, clip(entryTitle(builder, entry), 80)), def && def.title !== entry.name && h('span', {class: 'muted small mono'}, ` ${entry.name}`)),
                entry.kind === 'json' && def && h('span', {class: 'badge plain'}, 'as JSON'),
                button(`Remove ${entryTitle(builder, entry)}`, {icon: 'close', class: 'ghost small', hideLabel: true, onclick: () => remove(entry)})),
            body, Object.keys(entry.extra).length > 0 && h('p', {class: 'help'}, `Kept with it: ${clip(Object.keys(entry.extra).join(', '), 200)}`), h('p', {class: 'error'}));
        card.redraw = draw;
        return card;
    }
    function filled(values) {
        const mine = new Set(entries.map((entry) => entry.id));
        for (const entry of fillEntries(builder, entries, values))
            if (mine.has(entry.id))
                cards.get(entry.id)?.redraw();
        sync();
    }
    function add(name) {
        const entry = newEntry(builder, name);
        entries.push(entry);
        sync();
        changed();
        reveal(entry.id);
    }
    function remove(entry) {
        entries.splice(entries.indexOf(entry), 1);
        const part = partOf(entry);
        sync();
        changed();
        (active === part && !part.tab.hidden ? [...part.adds.querySelectorAll('button')].find((b) => b.dataset.name === entry.name) ?? part.tab : active.tab).focus();
    }
    /* Cards stay the elements that they are: what is being typed elsewhere is left alone. */
    function sync() {
        for (const [id, card] of cards)
            if (!entries.some((entry) => entry.id === id)) {
                card.remove();
                cards.delete(id);
            }
        for (const part of parts) {
            const mine = entries.filter((entry) => partOf(entry) === part);
            for (const entry of mine)
                if (!cards.has(entry.id)) {
                    cards.set(entry.id, makeCard(entry));
                    part.list.append(cards.get(entry.id));
                }
            part.list.hidden = !mine.length;
            part.count.hidden = !mine.length;
            part.count.textContent = mine.length;
            const open = part.category.criteria.filter((def) => !mine.some((entry) => entry.name === def.name));
            fill(part.adds, open.map((def) => addButton(def)));
            if (part.category === others)
                fill(part.adds, customAdd());
        }
        if (active.tab.hidden)
            choose(parts[0]);
    }
    const addButton = (def) => h('button', {type: 'button', class: 'btn small add', dataset: {name: def.name}, title: def.help ?? null, onclick: () => add(def.name)}, icon('plus'), def.title);
    function customAdd() {
        const name = h('input', {type: 'text', class: 'input', 'aria-label': 'Name of the criterion', placeholder: 'Name of any other criterion', maxlength: '128', onkeydown: (event) => { if (event.key === 'Enter') { event.preventDefault(); put(); } }});
        const put = () => name.value.trim() && add(name.value.trim());
        return h('div', {class: 'row custom-add'}, name, button('Add as JSON', {icon: 'plus', class: 'small', onclick: put}));
    }
    function reveal(id) {
        const entry = entries.find((other) => other.id === id), card = cards.get(id);
        if (!card)
            return;
        search.value = '';
        find();
        choose(partOf(entry));
        card.scrollIntoView({block: 'nearest'});
        (card.querySelector('.editor input:not([type=checkbox]), .editor select, .editor textarea, .editor input') ?? card.querySelector('button'))?.focus({preventScroll: true});
    }
    const search = h('input', {type: 'search', class: 'input', placeholder: 'Find a criterion…', 'aria-label': 'Find a criterion', dataset: {filter: ''}, oninput: () => find(), onkeydown: (event) => {
        if (event.key === 'Enter') {
            event.preventDefault();
            found.querySelector('button')?.click();
        }
    }});
    function find() {
        const text = search.value.trim();
        found.hidden = !text;
        panels.hidden = tabs.hidden = Boolean(text);
        if (text) {
            const defs = defsMatching(builder, text).slice(0, 40);
            fill(found, defs.length ? h('div', {class: 'adds'}, defs.map((def) => {
                const there = entries.find((entry) => entry.name === def.name);
                return h('button', {type: 'button', class: 'btn small add', onclick: () => (there ? reveal(there.id) : add(def.name))}, icon(there ? 'edit' : 'plus'), h('span', {}, def.title), h('span', {class: 'muted'}, builder.categories.find((c) => c.name === def.category)?.title));
            })) : h('p', {class: 'muted'}, 'No criterion is called so. The last tab takes any name.'));
        }
    }

    function refresh(problems, index) {
        const pointers = new Map([...index].map(([pointer, id]) => [id, pointer]));
        for (const [id, card] of cards)
            card.dataset.pointer = pointers.get(id) ?? `#${id}`;
        fill(badges, entries.map((entry) => {
            const made = entryMake(builder, entry), title = entryTitle(builder, entry);
            const wrong = made.problem || problems.some((p) => p.entry === entry.id && !p.empty);
            const text = clip(`${title}: ${made.empty ? 'to be filled in' : entryShow(builder, entry)}`, 110);
            return h('li', {class: 'chip crit', dataset: {cat: known.get(categoryOf(builder, entry)) ?? 'x', state: wrong ? 'wrong' : made.empty ? 'empty' : ''}},
                h('button', {type: 'button', class: 'chip-text', onclick: () => reveal(entry.id), title: wrong ? made.problem : 'Show it'}, wrong && icon('alert'), h('bdi', {}, text)),
                h('button', {type: 'button', 'aria-label': `Remove ${title}`, onclick: () => remove(entry)}, icon('close')));
        }));
        if (!entries.length)
            badges.append(h('li', {class: 'muted small'}, 'No criteria yet.'));
    }

    fill(tabs, parts.map((part) => part.tab));
    fill(panels, parts.map((part) => part.panel));
    sync();
    choose(parts.find((part) => entries.some((entry) => partOf(entry) === part)) ?? parts[0]);
    return {element: h('div', {}, h('div', {class: 'criteria-find'}, search), tabs, panels, found), badges, refresh, reveal, sync};
}
