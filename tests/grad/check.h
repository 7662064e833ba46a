/** What every test of this folder includes: cmocka with what it needs before it. */
#ifndef MGM_TESTS_CHECK_H
#define MGM_TESTS_CHECK_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#endif
