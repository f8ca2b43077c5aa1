// SPDX-License-Identifier: Apache-2.0
#include "helper/wording.h"

#include "base/str.h"
#include "helper/quotes.h"
#include "helper/words.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define FEW_WORDS 4u
#define AREA_TOLERANCE 0.01

/* That say little by themselves. */
static const char *const SMALL[] = {"and",     "or",   "to",   "in",      "for",          "by",          "at",   "on",    "such", "any", "all",
                                    "shall",   "will", "be",   "is",      "are",          "that",        "this", "which", "with", "as",  "from",
                                    "it",      "its",  "must", "may",     "has",          "have",        "been", "into",  "than", "if",  "other",
                                    "limited", "plc",  "llp",  "company", "incorporated", "corporation", "lp",   NULL};
static const char *const FORMS[] = {"limited", "plc", "llp", "incorporated", "corporation", "lp", NULL};
static const char *const UNITS[] = {"month", "day", "hour", "percent", "gbp", "usd", "eur", "square", "metre", "foot", "quarter", NULL};
static const char *const NEGATIONS[] = {"not", "no", "never", "neither", "nor", "without", "unless", "prohibited", "forbidden", "excluded", "none", NULL};
/* "not less than", "no later than": a bound, not a denial. */
static const char *const BOUNDS[] = {"less", "more", "later", "earlier", "fewer", "longer", "exceeding", "exceed", "unreasonably", "only", NULL};

static bool same_date(const struct word *a, const struct word *b) {
    const struct date turned = {.year = a->date.year, .month = a->date.day, .day = a->date.month};
    return date_compare(a->date, b->date) == 0 || ((a->two || b->two) && date_compare(turned, b->date) == 0);
}

static bool same_word(const struct word *a, const struct word *b) {
    if (a->kind != b->kind)
        return false;
    return a->kind == WORD_PLAIN    ? strcmp(a->text, b->text) == 0
           : a->kind == WORD_NUMBER ? fabs(a->number - b->number) <= 1e-9 * fmax(fabs(a->number), 1)
                                    : same_date(a, b);
}

/* All of the one is a run of the other. */
static bool contains(const struct words *all, const struct words *part) {
    for (size_t from = 0; part->count && from + part->count <= all->count; from++) {
        size_t i = 0;
        while (i < part->count && same_word(&all->list[from + i], &part->list[i]))
            i++;
        if (i == part->count)
            return true;
    }
    return false;
}

static enum wording by_runs(const struct words *a, const struct words *b) {
    if (a->count == b->count)
        return contains(a, b) ? WORDING_SAME : WORDING_DIFFERENT;
    if (a->count > b->count)
        return contains(a, b) ? WORDING_LEFT_HAS_MORE : WORDING_DIFFERENT;
    return contains(b, a) ? WORDING_RIGHT_HAS_MORE : WORDING_DIFFERENT;
}

struct value {
    const struct word *word;
    double number;
    const char *unit;
};

/* The value at a place; false: there is none. Years count as months, weeks as days. */
static bool value_at(const struct words *w, size_t at, struct value *out) {
    const struct word *word = &w->list[at];
    if (word->kind == WORD_PLAIN || word->reference)
        return false;
    *out = (struct value){.word = word, .number = word->number, .unit = ""};
    for (size_t next = at + 1; word->kind == WORD_NUMBER && next < w->count && next <= at + 2 && w->list[next].kind == WORD_PLAIN; next++) {
        const char *text = w->list[next].text;
        const bool year = strcmp(text, "year") == 0, week = strcmp(text, "week") == 0;
        if (!year && !week && !words_listed(UNITS, text))
            continue;
        out->unit = year ? "month" : week ? "day" : text;
        out->number *= year ? 12 : week ? 7 : 1;
        break;
    }
    return true;
}

static bool same_value(const struct value *a, const struct value *b) {
    if (a->word->kind != b->word->kind)
        return false;
    if (a->word->kind == WORD_DATE)
        return same_date(a->word, b->word);
    return fabs(a->number - b->number) <= 1e-9 * fmax(fabs(a->number), 1) && (!*a->unit || !*b->unit || strcmp(a->unit, b->unit) == 0);
}

/* How many values of the one the other lacks. */
static size_t lacking(const struct words *a, const struct words *b, size_t *values) {
    size_t lacks = 0;
    struct value x, y;
    *values = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (!value_at(a, i, &x))
            continue;
        bool found = false;
        for (size_t k = 0; k < b->count && !found; k++)
            found = value_at(b, k, &y) && same_value(&x, &y);
        lacks += !found;
        ++*values;
    }
    return lacks;
}

static bool values_differ(const struct words *a, const struct words *b) {
    size_t left, right;
    const size_t left_lacks = lacking(a, b, &left), right_lacks = lacking(b, a, &right);
    return left && right && left_lacks && right_lacks;
}

/* An odd number of denials is a no. */
static bool denies(const struct words *w) {
    bool no = false;
    for (size_t i = 0; i < w->count; i++) {
        if (w->list[i].kind != WORD_PLAIN || !words_listed(NEGATIONS, w->list[i].text))
            continue;
        bool bound = false;
        for (size_t k = i + 1; k < w->count && k <= i + 3; k++)
            bound = bound || (w->list[k].kind == WORD_PLAIN && words_listed(BOUNDS, w->list[k].text));
        no = bound ? no : !no;
    }
    return no;
}

static bool has(const struct words *w, const char *text) {
    for (size_t i = 0; i < w->count; i++)
        if (words_is(w, i, text))
            return true;
    return false;
}

static bool means_something(const struct word *word) {
    return word->kind == WORD_PLAIN && !words_listed(SMALL, word->text) && !words_listed(NEGATIONS, word->text);
}

/* Of the words of a that mean something, how many b has. */
static double share(const struct words *a, const struct words *b, size_t *all) {
    size_t common = 0;
    *all = 0;
    for (size_t i = 0; i < a->count; i++) {
        if (!means_something(&a->list[i]))
            continue;
        ++*all;
        common += has(b, a->list[i].text);
    }
    return *all ? (double)common / (double)*all : 1;
}

/* The one does it, or the other. */
static bool parties_differ(const struct words *a, const struct words *b) {
    const bool left = has(a, "landlord") && !has(a, "tenant") && has(b, "tenant") && !has(b, "landlord");
    const bool right = has(a, "tenant") && !has(a, "landlord") && has(b, "landlord") && !has(b, "tenant");
    return left || right;
}

static enum wording compare(const struct words *a, const struct words *b) {
    size_t left, right;
    const enum wording runs = by_runs(a, b);
    const double of_left = share(a, b, &left), of_right = share(b, a, &right), most = fmax(of_left, of_right);
    if (runs == WORDING_SAME)
        return runs;
    if (values_differ(a, b) || denies(a) != denies(b))
        return WORDING_DIFFERENT;
    if (runs != WORDING_DIFFERENT)
        return runs;
    const size_t least = left < right ? left : right;
    if (!least) /* figures, or nothing */
        return a->count && b->count && !(left + right) ? WORDING_RELATED : WORDING_DIFFERENT;
    if ((least <= FEW_WORDS && most < 0.5) || (most >= 0.5 && parties_differ(a, b)))
        return WORDING_DIFFERENT;
    return WORDING_RELATED;
}

/* The same letters and digits. */
static bool same_letters(const char *a, const char *b) {
    struct buf left = BUF_INIT((size_t)4 * 1024 * 1024), right = BUF_INIT((size_t)4 * 1024 * 1024);
    const bool same =
        quotes_fold(a, false, &left) == RC_OK && quotes_fold(b, false, &right) == RC_OK && left.length && strcmp(buf_text(&left), buf_text(&right)) == 0;
    buf_release(&left);
    buf_release(&right);
    return same;
}

typedef enum wording comparing(const struct words *a, const struct words *b);

static enum wording by_words(const char *a, const char *b, comparing *fn) {
    if (strcmp(a, b) == 0 || same_letters(a, b))
        return WORDING_SAME;
    struct words *left = words_new(a), *right = words_new(b);
    enum wording wording = left && right ? fn(left, right) : WORDING_DIFFERENT;
    words_free(left);
    words_free(right);
    return wording;
}

enum wording wording_compare(const char *a, const char *b) {
    return by_words(a, b, compare);
}

/* Its legal form; "": none. */
static const char *form_of(const struct words *w) {
    for (size_t i = 0; i < w->count; i++)
        if (w->list[i].kind == WORD_PLAIN && words_listed(FORMS, w->list[i].text))
            return w->list[i].text;
    return "";
}

static void without_forms(struct words *w) {
    for (size_t i = w->count; i > 0; i--)
        if (w->list[i - 1].kind == WORD_PLAIN && words_listed(FORMS, w->list[i - 1].text))
            words_cut(w, i - 1, 1);
}

static enum wording compare_names(const struct words *a, const struct words *b) {
    const char *left = form_of(a), *right = form_of(b);
    const enum wording runs = by_runs(a, b);
    if (runs != WORDING_DIFFERENT || (*left && *right))
        return runs;
    struct words x = {.list = NULL}, y = {.list = NULL};
    enum wording wording = WORDING_DIFFERENT;
    if (a->count && b->count && words_reserve(&x, a->count) && words_reserve(&y, b->count)) {
        memcpy(x.list, a->list, (x.count = a->count) * sizeof *x.list);
        memcpy(y.list, b->list, (y.count = b->count) * sizeof *y.list);
        without_forms(&x);
        without_forms(&y);
        wording = by_runs(&x, &y);
    }
    if (wording == WORDING_SAME && (*left || *right))
        wording = *left ? WORDING_LEFT_HAS_MORE : WORDING_RIGHT_HAS_MORE;
    free(x.list);
    free(y.list);
    return wording;
}

enum wording wording_names(const char *a, const char *b) {
    return by_words(a, b, compare_names);
}

/* In the smallest unit of its kind; area: in square metres. */
static void in_unit(double *number, const char *unit, char out[WORD_SIZE], bool *area) {
    struct words *w = words_new(unit);
    bool known = false;
    *out = '\0';
    *area = false;
    for (size_t i = 0; w && i < w->count && !known; i++) {
        const char *text = w->list[i].text;
        if (w->list[i].kind != WORD_PLAIN)
            continue;
        if (words_is(w, i, "square")) {
            *area = true;
            *number *= words_is(w, i + 1, "foot") ? 0.09290304 : 1;
            str_copy(out, WORD_SIZE, "square");
            break;
        }
        *number *= strcmp(text, "year") == 0 ? 12 : strcmp(text, "week") == 0 ? 7 : 1;
        text = strcmp(text, "year") == 0 ? "month" : strcmp(text, "week") == 0 ? "day" : text;
        known = words_listed(UNITS, text);
        if (known || !*out)
            str_format(out, WORD_SIZE, "%.39s", text);
    }
    words_free(w);
}

bool wording_quantity(double a, const char *unit_a, double b, const char *unit_b) {
    char left[WORD_SIZE] = "", right[WORD_SIZE] = "";
    bool area_a = false, area_b = false;
    double x = a, y = b;
    if (unit_a && unit_b) {
        in_unit(&x, unit_a, left, &area_a);
        in_unit(&y, unit_b, right, &area_b);
        if (*left && *right && strcmp(left, right) != 0)
            return false;
    }
    const double tolerance = area_a && area_b ? AREA_TOLERANCE : 1e-9;
    return fabs(x - y) <= tolerance * fmax(fabs(x), fabs(y));
}

bool wording_currency(const char *a, const char *b) {
    struct words *left = words_new(a), *right = words_new(b);
    const bool same = left && right && by_runs(left, right) == WORDING_SAME;
    const bool known = left && right && left->count && right->count && words_is_currency(left, 0) && words_is_currency(right, 0);
    const bool first = known && strcmp(left->list[0].text, right->list[0].text) == 0;
    words_free(left);
    words_free(right);
    return same || first;
}

double wording_share(const char *text, const char *in) {
    struct words *a = words_new(text), *b = words_new(in);
    size_t all = 0, values;
    double part = a && b ? share(a, b, &all) : 0;
    if (a && b && lacking(a, b, &values)) /* a figure that is not there counts for much */
        part *= 0.4;
    words_free(a);
    words_free(b);
    return part;
}
