// SPDX-License-Identifier: Apache-2.0
#include "helper/wording.h"

#include "base/date.h"
#include "base/str.h"
#include "helper/quotes.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WORDS_MOST 2048u /* of one text; what comes behind is not compared */
#define WORD_SIZE 40
#define FEW_WORDS 4u
#define AREA_TOLERANCE 0.01

enum kind { WORD, NUMBER, DATE };

struct word {
    enum kind kind;
    char text[WORD_SIZE]; /* WORD */
    double number;        /* NUMBER */
    struct date date;     /* DATE */
    bool two;             /* of which the month may be the day */
    bool reference;       /* a number of a clause or a law: no value */
};

struct words {
    struct word *list;
    size_t count, capacity;
};

/* --- vocabulary ------------------------------------------------------------------------------------------------------ */

static const struct {
    const char *word, *meaning;
} SYNONYMS[] = {
    {"ltd", "limited"},      {"co", "company"},       {"corp", "corporation"}, {"inc", "incorporated"}, {"lessor", "landlord"}, {"lessee", "tenant"},
    {"pound", "gbp"},        {"pounds", "gbp"},       {"dollar", "usd"},       {"dollars", "usd"},      {"euro", "eur"},        {"euros", "eur"},
    {"cent", "percent"},     {"pc", "percent"},       {"pct", "percent"},      {"yr", "year"},          {"yrs", "year"},        {"annum", "year"},
    {"pa", "year"},          {"annual", "year"},      {"annually", "year"},    {"yearly", "year"},      {"monthly", "month"},   {"quarterly", "quarter"},
    {"weekly", "week"},      {"daily", "day"},        {"ft", "foot"},          {"feet", "foot"},        {"sq", "square"},       {"sqft", "square foot"},
    {"sqm", "square metre"}, {"m2", "square metre"},  {"metres", "metre"},     {"meter", "metre"},      {"meters", "metre"},    {"m", "metre"},
    {"licence", "license"},  {"premises", "premise"}, {"purposes", "purpose"}, {"cannot", "not"},       {"street", "st"},       {"road", "rd"},
    {"mos", "month"},        {"mths", "month"},       {"mth", "month"},
};

static const char *const NUMBERS[] = {"zero", "one",    "two",    "three",    "four",     "five",    "six",     "seven",     "eight",    "nine",
                                      "ten",  "eleven", "twelve", "thirteen", "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen"};
static const char *const TENS[] = {"twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"};
static const char *const MONTHS[] = {"january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december"};
/* Left out at once. */
static const char *const ARTICLES[] = {"the", "a", "an", "of", "per", "sterling", "said", NULL};
/* That say little by themselves. */
static const char *const SMALL[] = {"and",     "or",   "to",   "in",      "for",          "by",          "at",   "on",    "such", "any", "all",
                                    "shall",   "will", "be",   "is",      "are",          "that",        "this", "which", "with", "as",  "from",
                                    "it",      "its",  "must", "may",     "has",          "have",        "been", "into",  "than", "if",  "other",
                                    "limited", "plc",  "llp",  "company", "incorporated", "corporation", "lp",   NULL};
static const char *const FORMS[] = {"limited", "plc", "llp", "incorporated", "corporation", "lp", NULL};
static const char *const REFERENCES[] = {"clause", "paragraph", "schedule", "section", "part", "act", "article", "page", "plan", "regulation", NULL};
static const char *const UNITS[] = {"month", "day", "hour", "percent", "gbp", "usd", "eur", "square", "metre", "foot", "quarter", NULL};
static const char *const CURRENCIES[] = {"gbp", "usd", "eur", NULL};
static const char *const NEGATIONS[] = {"not", "no", "never", "neither", "nor", "without", "unless", "prohibited", "forbidden", "excluded", "none", NULL};
/* "not less than", "no later than": a bound, not a denial. */
static const char *const BOUNDS[] = {"less", "more", "later", "earlier", "fewer", "longer", "exceeding", "exceed", "unreasonably", "only", NULL};

static bool is_in(const char *const *list, const char *text) {
    while (*list && strcmp(*list, text) != 0)
        list++;
    return *list != NULL;
}

static int index_in(const char *const *list, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++)
        if (strcmp(list[i], text) == 0)
            return (int)i;
    return -1;
}

/* --- text to words ---------------------------------------------------------------------------------------------------- */

/* A character beyond ASCII as it is compared. */
static void put_wide(const char *at, size_t length, struct buf *out) {
    static const struct { const char *bytes, *meaning; } others[] = {{"\xc2\xa3", " gbp "}, {"\xe2\x82\xac", " eur "}, {"\xc2\xad", ""}, {"\xe2\x80\x8b", ""}};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        if (strlen(others[i].bytes) == length && memcmp(others[i].bytes, at, length) == 0) {
            (void)buf_add_text(out, others[i].meaning);
            return;
        }
    const char *alias = quotes_alias(at, length);
    if (!alias)
        (void)buf_add(out, at, length);
    else if (!isalpha((unsigned char)*alias)) /* blanks, dashes and dots part words, an apostrophe does not */
        (void)(*alias == '\'' ? RC_OK : buf_add_char(out, ' '));
    else
        (void)buf_add_text(out, alias);
}

/* text[at] is a sign between digits, or between the letters of "p.a.", that belongs to its word. */
static bool is_inner(const char *text, size_t at) {
    const unsigned char before = at ? (unsigned char)text[at - 1] : ' ', after = (unsigned char)text[at + 1];
    if (isdigit(before) && isdigit(after))
        return strchr(".,/-", text[at]) != NULL;
    return false;
}

static bool is_initial(const char *text, size_t at) {
    const unsigned char before = at ? (unsigned char)text[at - 1] : ' ', further = at > 1 ? (unsigned char)text[at - 2] : ' ';
    return text[at] == '.' && isalpha(before) && (isspace(further) || further == '.' || further == '(');
}

/* Words with a blank between. */
static void flatten(const char *text, struct buf *out) {
    for (size_t at = 0, left = strlen(text); left;) {
        size_t length = str_utf8_length(text + at, left);
        const unsigned char c = (unsigned char)text[at];
        if (length > 1)
            put_wide(text + at, length, out);
        else if (isalnum(c))
            (void)buf_add_char(out, (char)tolower(c));
        else if (is_inner(text, at))
            (void)buf_add_char(out, (char)c);
        else if (c == '$' && at > 1 && strncasecmp(text + at - 2, "us", 2) == 0 && (at == 2 || !isalnum((unsigned char)text[at - 3]))) {
            out->length -= 2; /* US$ */
            (void)buf_add_text(out, " usd ");
        } else if (c == '$' || c == '%' || c == '&')
            (void)buf_add_text(out, c == '$' ? " usd " : c == '%' ? " percent " : " and ");
        else if (c != '\'' && !is_initial(text, at))
            (void)buf_add_char(out, ' ');
        length += length == 0;
        at += length;
        left -= length;
    }
}

static void words_free(struct words *w) {
    if (w)
        free(w->list);
    free(w);
}

static bool make_room(struct words *w, size_t capacity) {
    struct word *list = capacity <= WORDS_MOST ? realloc(w->list, capacity * sizeof *list) : NULL;
    if (list) {
        w->list = list;
        w->capacity = capacity;
    }
    return list != NULL;
}

static struct word *put(struct words *w, enum kind kind) {
    if (w->count == w->capacity && !make_room(w, w->capacity ? w->capacity * 2 : 32))
        return NULL;
    struct word *word = &w->list[w->count++];
    *word = (struct word){.kind = kind};
    return word;
}

static void put_word(struct words *w, const char *text) {
    struct word *word = is_in(ARTICLES, text) ? NULL : put(w, WORD);
    if (word)
        str_format(word->text, sizeof word->text, "%.39s", text);
}

static void put_number(struct words *w, double number) {
    struct word *last = w->count ? &w->list[w->count - 1] : NULL;
    const bool reference = last && last->kind == WORD && is_in(REFERENCES, last->text);
    if (last && last->kind == NUMBER && fabs(last->number - number) < 1e-9) /* ten (10) */
        return;
    struct word *word = put(w, NUMBER);
    if (word)
        *word = (struct word){.kind = NUMBER, .number = number, .reference = reference};
}

static bool put_date(struct words *w, const char *text) {
    struct date dates[2];
    const enum date_found found = date_read(text, DATE_ORDER_NONE, dates);
    struct word *word = found == DATE_NOT ? NULL : put(w, DATE);
    if (word)
        *word = (struct word){.kind = DATE, .date = dates[0], .two = found == DATE_TWO};
    return word != NULL;
}

/* Digits, with commas between thousands, decimals, or st, nd, rd, th behind. */
static bool read_number(const char *text, double *number) {
    char digits[WORD_SIZE], *end;
    size_t count = 0;
    for (const char *at = text; *at && count < sizeof digits - 1; at++)
        if (*at != ',')
            digits[count++] = *at;
    digits[count] = '\0';
    if (!isdigit((unsigned char)*digits))
        return false;
    *number = strtod(digits, &end);
    return !*end || strcmp(end, "st") == 0 || strcmp(end, "nd") == 0 || strcmp(end, "rd") == 0 || strcmp(end, "th") == 0;
}

/* Of the words so far: 105 for "one hundred and five". */
struct spelled {
    double total, part;
    bool any;
};

static bool spell(struct spelled *s, const char *text) {
    const int one = index_in(NUMBERS, sizeof NUMBERS / sizeof *NUMBERS, text), ten = index_in(TENS, sizeof TENS / sizeof *TENS, text);
    if (one >= 0 || ten >= 0)
        s->part += one >= 0 ? one : 20 + 10 * ten;
    else if (s->any && strcmp(text, "hundred") == 0)
        s->part *= 100;
    else if (s->any && (strcmp(text, "thousand") == 0 || strcmp(text, "million") == 0)) {
        s->total += s->part * (*text == 't' ? 1e3 : 1e6);
        s->part = 0;
    } else
        return s->any && strcmp(text, "and") == 0 && s->part >= 100;
    s->any = true;
    return true;
}

static void stop_spelling(struct words *w, struct spelled *s) {
    if (s->any)
        put_number(w, s->total + s->part);
    *s = (struct spelled){.any = false};
}

static bool put_synonym(struct words *w, const char *text) {
    for (size_t i = 0; i < sizeof SYNONYMS / sizeof *SYNONYMS; i++) {
        const char *meaning = SYNONYMS[i].meaning, *blank = strchr(meaning, ' ');
        char first[WORD_SIZE];
        if (strcmp(SYNONYMS[i].word, text) != 0)
            continue;
        str_format(first, sizeof first, "%.*s", (int)strcspn(meaning, " "), meaning);
        put_word(w, first);
        if (blank)
            put_word(w, blank + 1);
        return true;
    }
    return false;
}

/* One word, as it is compared. */
static void take(struct words *w, char *text) {
    double number;
    size_t length = strlen(text);
    if ((strchr(text, '/') || strchr(text, '-')) && put_date(w, text))
        return;
    if (read_number(text, &number)) {
        put_number(w, number);
        return;
    }
    if (put_synonym(w, text))
        return;
    if (length > 3 && text[length - 1] == 's' && text[length - 2] != 's')
        text[length - 1] = '\0';
    if (!put_synonym(w, text))
        put_word(w, text);
}

/* --- words put together ------------------------------------------------------------------------------------------------- */

static void cut_out(struct words *w, size_t at, size_t count) {
    memmove(&w->list[at], &w->list[at + count], (w->count - at - count) * sizeof *w->list);
    w->count -= count;
}

static bool is_word(const struct words *w, size_t at, const char *text) {
    return at < w->count && w->list[at].kind == WORD && strcmp(w->list[at].text, text) == 0;
}

static bool is_number(const struct words *w, size_t at, double least, double most) {
    return at < w->count && w->list[at].kind == NUMBER && w->list[at].number >= least && w->list[at].number <= most;
}

/* 25 (day) March 2019, March 25 2019. */
static void join_date(struct words *w, size_t at) {
    const size_t day_word = is_word(w, at + 1, "day");
    const size_t month_at = is_number(w, at, 1, 31) ? at + 1 + day_word : at, day_at = month_at == at ? at + 1 : at,
                 year_at = month_at == at ? at + 2 : month_at + 1;
    if (month_at >= w->count || w->list[month_at].kind != WORD || !is_number(w, day_at, 1, 31) || !is_number(w, year_at, 1000, 9999))
        return;
    const int month = index_in(MONTHS, sizeof MONTHS / sizeof *MONTHS, w->list[month_at].text);
    if (month < 0)
        return;
    const struct date date = {.year = (int)w->list[year_at].number, .month = month + 1, .day = (int)w->list[day_at].number};
    w->list[at] = (struct word){.kind = DATE, .date = date};
    cut_out(w, at + 1, year_at - at);
}

static bool is_currency(const struct words *w, size_t at) {
    return at < w->count && w->list[at].kind == WORD && is_in(CURRENCIES, w->list[at].text);
}

/* The currency behind the amount, and once: "GBP 20,000 (twenty thousand pounds)". */
static void join_money(struct words *w, size_t at) {
    if (is_currency(w, at) && at + 1 < w->count && w->list[at + 1].kind == NUMBER && (at == 0 || w->list[at - 1].kind != NUMBER)) {
        const struct word currency = w->list[at];
        w->list[at] = w->list[at + 1];
        w->list[at + 1] = currency;
    }
    if (at + 3 < w->count && w->list[at].kind == NUMBER && is_currency(w, at + 1) && is_number(w, at + 2, w->list[at].number, w->list[at].number) &&
        is_currency(w, at + 3) && strcmp(w->list[at + 1].text, w->list[at + 3].text) == 0)
        cut_out(w, at + 2, 2);
    if (at + 2 < w->count && w->list[at].kind == NUMBER && is_currency(w, at + 1) && is_currency(w, at + 2)) /* £20,000 sterling pounds */
        cut_out(w, at + 2, 1);
}

static struct words *words_new(const char *text) {
    struct words *w = calloc(1, sizeof *w);
    struct buf flat = BUF_INIT((size_t)4 * 1024 * 1024);
    struct spelled spelled = {.any = false};
    char *save = NULL;
    if (!w)
        return NULL;
    flatten(text, &flat);
    for (char *word = flat.length ? strtok_r(flat.data, " ", &save) : NULL; word; word = strtok_r(NULL, " ", &save)) {
        if (spell(&spelled, word))
            continue;
        stop_spelling(w, &spelled);
        take(w, word);
    }
    stop_spelling(w, &spelled);
    buf_release(&flat);
    for (size_t at = 0; at < w->count; at++)
        join_date(w, at);
    for (size_t at = 0; at < w->count; at++)
        join_money(w, at);
    return w;
}

/* --- comparing ---------------------------------------------------------------------------------------------------------- */

static bool same_date(const struct word *a, const struct word *b) {
    const struct date turned = {.year = a->date.year, .month = a->date.day, .day = a->date.month};
    return date_compare(a->date, b->date) == 0 || ((a->two || b->two) && date_compare(turned, b->date) == 0);
}

static bool same_word(const struct word *a, const struct word *b) {
    if (a->kind != b->kind)
        return false;
    return a->kind == WORD     ? strcmp(a->text, b->text) == 0
           : a->kind == NUMBER ? fabs(a->number - b->number) <= 1e-9 * fmax(fabs(a->number), 1)
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
    if (word->kind == WORD || word->reference)
        return false;
    *out = (struct value){.word = word, .number = word->number, .unit = ""};
    for (size_t next = at + 1; word->kind == NUMBER && next < w->count && next <= at + 2 && w->list[next].kind == WORD; next++) {
        const char *text = w->list[next].text;
        const bool year = strcmp(text, "year") == 0, week = strcmp(text, "week") == 0;
        if (!year && !week && !is_in(UNITS, text))
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
    if (a->word->kind == DATE)
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
        if (w->list[i].kind != WORD || !is_in(NEGATIONS, w->list[i].text))
            continue;
        bool bound = false;
        for (size_t k = i + 1; k < w->count && k <= i + 3; k++)
            bound = bound || (w->list[k].kind == WORD && is_in(BOUNDS, w->list[k].text));
        no = bound ? no : !no;
    }
    return no;
}

static bool has(const struct words *w, const char *text) {
    for (size_t i = 0; i < w->count; i++)
        if (is_word(w, i, text))
            return true;
    return false;
}

static bool means_something(const struct word *word) {
    return word->kind == WORD && !is_in(SMALL, word->text) && !is_in(NEGATIONS, word->text);
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
        if (w->list[i].kind == WORD && is_in(FORMS, w->list[i].text))
            return w->list[i].text;
    return "";
}

static void without_forms(struct words *w) {
    for (size_t i = w->count; i > 0; i--)
        if (w->list[i - 1].kind == WORD && is_in(FORMS, w->list[i - 1].text))
            cut_out(w, i - 1, 1);
}

static enum wording compare_names(const struct words *a, const struct words *b) {
    const char *left = form_of(a), *right = form_of(b);
    const enum wording runs = by_runs(a, b);
    if (runs != WORDING_DIFFERENT || (*left && *right))
        return runs;
    struct words x = {.list = NULL}, y = {.list = NULL};
    enum wording wording = WORDING_DIFFERENT;
    if (a->count && b->count && make_room(&x, a->count) && make_room(&y, b->count)) {
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
        if (w->list[i].kind != WORD)
            continue;
        if (is_word(w, i, "square")) {
            *area = true;
            *number *= is_word(w, i + 1, "foot") ? 0.09290304 : 1;
            str_copy(out, WORD_SIZE, "square");
            break;
        }
        *number *= strcmp(text, "year") == 0 ? 12 : strcmp(text, "week") == 0 ? 7 : 1;
        text = strcmp(text, "year") == 0 ? "month" : strcmp(text, "week") == 0 ? "day" : text;
        known = is_in(UNITS, text);
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
    const bool known = left && right && left->count && right->count && is_currency(left, 0) && is_currency(right, 0);
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
