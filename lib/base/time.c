/* Texts of times and durations. Reads no clock; local time comes from the zone of the process. */
#include "base/time.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MINUTE (60 * MUSTER_S)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define DURATION_MAX (36525 * DAY)

muster_time time_add(muster_time a, muster_time b)
{
    muster_time sum;
    if (a == MUSTER_NEVER || b == MUSTER_NEVER)
        return MUSTER_NEVER;
    if (__builtin_add_overflow(a, b, &sum))
        return a < 0 ? INT64_MIN : MUSTER_NEVER;
    return sum;
}

int time_poll_ms(muster_time now, muster_time then, int cap_ms)
{
    if (then == MUSTER_NEVER)
        return cap_ms;
    if (then <= now)
        return 0;
    uint64_t wait_ns = (uint64_t)then - (uint64_t)now;
    uint64_t wait_ms = wait_ns / (uint64_t)MUSTER_MS + (wait_ns % (uint64_t)MUSTER_MS != 0);
    uint64_t cap = cap_ms < 0 ? INT_MAX : (uint64_t)cap_ms;
    return (int)(wait_ms < cap ? wait_ms : cap);
}

/* Days since 1970-01-01 in the Gregorian calendar, counted in 400-year eras that begin in March
 * (Hinnant, "chrono-compatible low-level date algorithms"). */
static int64_t days_of_date(int64_t year, unsigned month, unsigned day)
{
    year -= month <= 2;
    int64_t era = (year >= 0 ? year : year - 399) / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year -
           719468;
}

/* The last digits of the value and one character more; returns where to go on. */
static char *put_digits(char *at, int digits, int64_t value, char behind)
{
    for (int i = digits - 1; i >= 0; i--) {
        at[i] = (char)('0' + value % 10);
        value /= 10;
    }
    at[digits] = behind;
    return at + digits + 1;
}

void time_format_iso(char text[TIME_TEXT_MAX], muster_time wall_ns)
{
    if (wall_ns == MUSTER_NEVER) {
        snprintf(text, TIME_TEXT_MAX, "never");
        return;
    }
    bool is_early = wall_ns % DAY < 0;
    int64_t days = wall_ns / DAY - is_early;
    int64_t ms = (wall_ns % DAY + (is_early ? DAY : 0)) / MUSTER_MS;
    int64_t z = days + 719468;
    int64_t era = (z >= 0 ? z : z - 146096) / 146097;
    int64_t day_of_era = z - era * 146097;
    int64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    int64_t month_from_march = (5 * day_of_year + 2) / 153;
    int64_t month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
    char *at = put_digits(text, 4, year_of_era + era * 400 + (month <= 2), '-');
    at = put_digits(at, 2, month, '-');
    at = put_digits(at, 2, day_of_year - (153 * month_from_march + 2) / 5 + 1, 'T');
    at = put_digits(at, 2, ms / 3600000, ':');
    at = put_digits(at, 2, ms / 60000 % 60, ':');
    at = put_digits(at, 2, ms / 1000 % 60, '.');
    at = put_digits(at, 3, ms % 1000, 'Z');
    *at = '\0';
}

static const struct {
    const char *name;
    muster_time ns;
} units[] = {
    {"ns", 1},     {"us", MUSTER_US}, {"ms", MUSTER_MS}, {"s", MUSTER_S},
    {"m", MINUTE}, {"h", HOUR},       {"d", DAY},        {"w", 7 * DAY},
};

/* The unit at *at, which moves behind it; 0 when there is none. */
static muster_time take_unit(const char **at)
{
    size_t size = strspn(*at, "abcdefghijklmnopqrstuvwxyz");
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
        if (strlen(units[i].name) == size && strncmp(units[i].name, *at, size) == 0) {
            *at += size;
            return units[i].ns;
        }
    }
    return 0;
}

/* One "1.5h" at *at, which moves behind it. */
static int take_part(const char **at, muster_time *ret_ns)
{
    if (!isdigit((unsigned char)**at))
        return -EINVAL;
    int64_t whole = 0;
    bool is_large = false;
    for (; isdigit((unsigned char)**at); (*at)++) {
        is_large = is_large || whole > INT64_MAX / 10 - 9;
        whole = is_large ? 0 : whole * 10 + (**at - '0');
    }
    int64_t fraction = 0;
    int64_t scale = 1;
    if (**at == '.') {
        (*at)++;
        if (!isdigit((unsigned char)**at))
            return -EINVAL;
        for (; isdigit((unsigned char)**at); (*at)++) {
            if (scale < 1000) {
                fraction = fraction * 10 + (**at - '0');
                scale *= 10;
            }
        }
    }
    muster_time unit = take_unit(at);
    if (unit == 0)
        return -EINVAL;
    if (is_large || whole > DURATION_MAX / unit)
        return -ERANGE;
    *ret_ns = whole * unit + fraction * unit / scale;
    return 0;
}

int time_parse_duration(const char *text, muster_time *ret_ns)
{
    muster_time sum = 0;
    bool is_out_of_range = false;
    if (strcmp(text, "0") == 0) {
        *ret_ns = 0;
        return 0;
    }
    do {
        muster_time part = 0;
        int r = take_part(&text, &part);
        if (r == -EINVAL)
            return r;
        sum += part;
        is_out_of_range = is_out_of_range || r < 0 || sum > DURATION_MAX;
        if (is_out_of_range)
            sum = 0;
    } while (*text != '\0');
    if (is_out_of_range)
        return -ERANGE;
    *ret_ns = sum;
    return 0;
}

void time_format_duration(char text[TIME_TEXT_MAX], muster_time duration_ns)
{
    const char *sign = duration_ns < 0 ? "-" : "";
    uint64_t ns = duration_ns < 0 ? 0 - (uint64_t)duration_ns : (uint64_t)duration_ns;
    uint64_t s = ns / (uint64_t)MUSTER_S;
    unsigned ms = (unsigned)(ns % (uint64_t)MUSTER_S / (uint64_t)MUSTER_MS);
    if (duration_ns == MUSTER_NEVER)
        snprintf(text, TIME_TEXT_MAX, "never");
    else if (ns == 0)
        snprintf(text, TIME_TEXT_MAX, "0s");
    else if (ns < (uint64_t)MUSTER_US)
        snprintf(text, TIME_TEXT_MAX, "%s%uns", sign, (unsigned)ns);
    else if (ns < (uint64_t)MUSTER_MS)
        snprintf(text, TIME_TEXT_MAX, "%s%uus", sign, (unsigned)(ns / (uint64_t)MUSTER_US));
    else if (s == 0)
        snprintf(text, TIME_TEXT_MAX, "%s%ums", sign, ms);
    else if (s < 10)
        snprintf(text, TIME_TEXT_MAX, "%s%u.%us", sign, (unsigned)s, ms / 100);
    else if (s < 60)
        snprintf(text, TIME_TEXT_MAX, "%s%us", sign, (unsigned)s);
    else if (s < 3600)
        snprintf(text, TIME_TEXT_MAX, "%s%um%02us", sign, (unsigned)(s / 60), (unsigned)(s % 60));
    else if (s < 86400)
        snprintf(text, TIME_TEXT_MAX, "%s%uh%02um", sign, (unsigned)(s / 3600),
                 (unsigned)(s / 60 % 60));
    else
        snprintf(text, TIME_TEXT_MAX, "%s%ud%02uh", sign, (unsigned)(s / 86400),
                 (unsigned)(s / 3600 % 24));
}

/* Exactly `digits` digits at *at, which moves behind them; -1 when they are not there. */
static int take_digits(const char **at, int digits)
{
    int value = 0;
    for (int i = 0; i < digits; i++) {
        if (!isdigit((unsigned char)(*at)[i]))
            return -1;
        value = value * 10 + ((*at)[i] - '0');
    }
    *at += digits;
    return value;
}

static bool take_char(const char **at, char c)
{
    if (**at != c)
        return false;
    (*at)++;
    return true;
}

/* Nanoseconds since midnight from "HH:MM[:SS[.fraction]]"; -1 when it is not there. */
static muster_time take_time_of_day(const char **at)
{
    int hour = take_digits(at, 2);
    if (hour < 0 || hour > 23 || !take_char(at, ':'))
        return -1;
    int minute = take_digits(at, 2);
    if (minute < 0 || minute > 59)
        return -1;
    muster_time ns = hour * HOUR + minute * MINUTE;
    if (!take_char(at, ':'))
        return ns;
    int second = take_digits(at, 2);
    if (second < 0 || second > 59)
        return -1;
    ns += second * MUSTER_S;
    if (!take_char(at, '.'))
        return ns;
    if (!isdigit((unsigned char)**at))
        return -1;
    for (muster_time digit_ns = MUSTER_S / 10; isdigit((unsigned char)**at); (*at)++) {
        ns += (**at - '0') * digit_ns;
        digit_ns /= 10;
    }
    return ns;
}

/* Offset from UTC of "Z" or "+01:00" or "+0100". */
static bool take_zone(const char **at, muster_time *ret_offset)
{
    if (take_char(at, 'Z')) {
        *ret_offset = 0;
        return true;
    }
    int sign = **at == '-' ? -1 : 1;
    if (!take_char(at, '+') && !take_char(at, '-'))
        return false;
    int hour = take_digits(at, 2);
    take_char(at, ':');
    int minute = take_digits(at, 2);
    if (hour < 0 || hour > 15 || minute < 0 || minute > 59)
        return false;
    *ret_offset = sign * (hour * HOUR + minute * MINUTE);
    return true;
}

/* Wall time of a local date and time of day; the process's zone and its summer time decide. */
static int local_to_wall(int year, int month, int day, muster_time of_day, muster_time *ret_ns)
{
    struct tm tm = {
        .tm_year = year - 1900,
        .tm_mon = month - 1,
        .tm_mday = day,
        .tm_hour = (int)(of_day / HOUR),
        .tm_min = (int)(of_day / MINUTE % 60),
        .tm_sec = (int)(of_day / MUSTER_S % 60),
        .tm_isdst = -1,
    };
    time_t seconds = mktime(&tm);
    if (seconds < 0 || seconds > INT64_MAX / MUSTER_S - 1)
        return -ERANGE;
    *ret_ns = (muster_time)seconds * MUSTER_S + of_day % MUSTER_S;
    return 0;
}

static int days_in_month(int year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    return days[month - 1] + (month == 2 && is_leap);
}

int time_parse_iso(const char *text, muster_time *ret_wall_ns)
{
    int year = take_digits(&text, 4);
    if (year < 0 || !take_char(&text, '-'))
        return -EINVAL;
    int month = take_digits(&text, 2);
    if (month < 1 || month > 12 || !take_char(&text, '-'))
        return -EINVAL;
    int day = take_digits(&text, 2);
    if (day < 1 || year < 1 || day > days_in_month(year, month))
        return -EINVAL;
    muster_time of_day = 0;
    if (take_char(&text, 'T') || take_char(&text, ' ')) {
        of_day = take_time_of_day(&text);
        if (of_day < 0)
            return -EINVAL;
    }
    muster_time offset = 0;
    bool has_zone = *text != '\0';
    if (has_zone && (!take_zone(&text, &offset) || *text != '\0'))
        return -EINVAL;
    if (year < 1970 || year > 2261)
        return -ERANGE;
    if (!has_zone)
        return local_to_wall(year, month, day, of_day, ret_wall_ns);
    muster_time wall = days_of_date(year, (unsigned)month, (unsigned)day) * DAY + of_day - offset;
    if (wall < 0)
        return -ERANGE;
    *ret_wall_ns = wall;
    return 0;
}

/* The next local "HH:MM[:SS]" after now. */
static int parse_time_of_day(const char *text, muster_time now_wall_ns, muster_time *ret_wall_ns)
{
    muster_time of_day = take_time_of_day(&text);
    if (of_day < 0 || *text != '\0')
        return -EINVAL;
    time_t now = (time_t)(now_wall_ns / MUSTER_S);
    struct tm today;
    if (!localtime_r(&now, &today))
        return -ERANGE;
    /* mktime takes the 32nd of a month as the 1st of the next. */
    for (int day = 0; day <= 1; day++) {
        muster_time wall;
        int r = local_to_wall(today.tm_year + 1900, today.tm_mon + 1, today.tm_mday + day, of_day,
                              &wall);
        if (r < 0)
            return r;
        if (wall > now_wall_ns || day == 1) {
            *ret_wall_ns = wall;
            return 0;
        }
    }
    return -EINVAL;
}

int time_parse_when(const char *text, muster_time now_wall_ns, muster_time *ret_wall_ns)
{
    if (strcmp(text, "now") == 0) {
        *ret_wall_ns = now_wall_ns;
        return 0;
    }
    if (*text == '+') {
        muster_time wait;
        int r = time_parse_duration(text + 1, &wait);
        if (r < 0)
            return r;
        *ret_wall_ns = time_add(now_wall_ns, wait);
        return *ret_wall_ns == MUSTER_NEVER ? -ERANGE : 0;
    }
    if (isdigit((unsigned char)text[0]) && isdigit((unsigned char)text[1]) && text[2] == ':')
        return parse_time_of_day(text, now_wall_ns, ret_wall_ns);
    return time_parse_iso(text, ret_wall_ns);
}
