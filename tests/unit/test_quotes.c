// SPDX-License-Identifier: Apache-2.0
#include "helper/quotes.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct page list[] = {
    {.number = 1,
     .text = "1. The Tenant shall pay the  Annual Rent\nof \xc2\xa3"
             "48,000 by quarterly instal-\nments in advance."},
    {.number = 2,
     .text = "2. The Landlord\xe2\x80\x99s \xef\xac\x81rst o\xef\xac\x83"
             "ce \xe2\x80\x9cUnit 4\xe2\x80\x9d is let. The cove-"},
    {.number = 3, .text = ""},
    {.number = 4, .text = "nants bind assigns. Unit 4 is let."},
    {.number = 7, .text = "and the Tenant shall pay the Annual Rent on demand"},
};
static const struct pages pages = {.list = list, .count = 5, .page_count = 7, .text_by = "pdf"};

static void test_find(void **state) {
    (void)state;
    static const struct {
        const char *quote;
        unsigned named, found;
    } cases[] = {
        {"The Tenant shall pay the Annual Rent of \xc2\xa3"
         "48,000",
         1, 1},
        {"tenant SHALL pay the annual rent of", 1, 1},
        {"quarterly instalments in advance", 1, 1},
        {"quarterly instal- ments in advance", 1, 1},
        {"the Landlord's first office \"Unit 4\" is let", 2, 2},
        {"the Landlord's first office \"Unit 4\" is let", 1, 2}, /* another page than told */
        {"the Landlord's first office", 0, 2},
        {"The Tenant shall pay the Annual Rent", 7, 7}, /* on both: the one told */
        {"The Tenant shall pay the Annual Rent", 0, 1},
        {"The Tenant shall pay the Annual Rent", 6, 1},
        {"Unit 4\" is let. The covenants bind", 2, 2}, /* over an empty page */
        {"The Tenant ... in advance", 1, 1},
        {"The Tenant \xe2\x80\xa6 in advance", 1, 1},
        {"... Annual Rent ...", 1, 1},
        {"in advance ... The Tenant", 1, 0}, /* in the other order */
        {"The Tenant shall pay the Annual Rent of \xc2\xa3"
         "49,000",
         1, 0},
        {"words that are nowhere", 1, 0},
        {"is", 2, 0}, /* too short to tell */
        {"", 1, 0},
        {"...", 1, 0},
        {"\xff\xfe", 1, 0},
    };
    struct quotes *quotes = quotes_new(&pages);
    assert_non_null(quotes);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        if (quotes_find(quotes, cases[i].quote, cases[i].named) != cases[i].found)
            fail_msg("\"%s\" of page %u is found on %u", cases[i].quote, cases[i].named, quotes_find(quotes, cases[i].quote, cases[i].named));
    quotes_free(quotes);
}

static void test_nothing(void **state) {
    (void)state;
    static const struct pages none = {.list = list + 2, .count = 1, .page_count = 3};
    struct quotes *quotes = quotes_new(&none);
    assert_non_null(quotes);
    assert_int_equal(quotes_find(quotes, "the Tenant", 3), 0);
    quotes_free(quotes);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_find), cmocka_unit_test(test_nothing)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
