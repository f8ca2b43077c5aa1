// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_DATE_H
#define BASE_DATE_H

#include <stdbool.h>
#include <stdint.h>

/* Days of the Gregorian calendar, years 1000 to 9999, and the ways in which deeds write them. */

struct date {
    int year, month, day;
};

#define DATE_TEXT_SIZE 12

/* Exactly "2019-03-25", and a day that there was. */
bool date_parse(const char *text, struct date *out);
void date_format(struct date date, char out[DATE_TEXT_SIZE]);
int64_t date_days(struct date date); /* since 1970-01-01 */
struct date date_of_days(int64_t days);
int date_compare(struct date a, struct date b); /* <0, 0, >0 */
/* The same day so many months later (or earlier); the last of that month when it is shorter. */
struct date date_add_months(struct date date, int64_t months);

enum date_order { DATE_ORDER_NONE, DATE_ORDER_DMY, DATE_ORDER_MDY };

enum date_found {
    DATE_NOT, /* no date is understood in it */
    DATE_ONE,
    DATE_TWO /* numbers alone, both below 13, and no order was given: out[0] is day first, out[1] month first */
};

/* The day that a text means, which may have words around it: "2019-03-25", "25 March 2019", "25th day of March, 2019", "Mar. 25, 2019", "25/03/2019",
 * "3.4.2019". Numbers alone are read in the order given; without one only when just one reading is a day. Years of two digits are not understood, nor are texts
 * with two different dates. */
enum date_found date_read(const char *text, enum date_order order, struct date out[2]);

/* Whether a text, read so, has this date in it, among others perhaps; without an order either reading counts. */
bool date_is_in(const char *text, enum date_order order, struct date date);

/* Count the dates in a long text that are written in numbers and can be read in one order only. */
void date_count_orders(const char *text, unsigned *day_first, unsigned *month_first);

#endif
