/* What cmocka.h wants in front of it, and cmocka itself: the one include of every unit test. */
#ifndef TESTS_UNIT_CMOCKA_FIRST_H
#define TESTS_UNIT_CMOCKA_FIRST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
