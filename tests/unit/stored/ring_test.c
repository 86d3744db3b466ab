#include <CUnit/CUnit.h>
CU_TestInfo ring_tests[] = { CU_TEST_INFO_NULL, };
