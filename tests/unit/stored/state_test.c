#include <CUnit/CUnit.h>
CU_TestInfo state_tests[] = { CU_TEST_INFO_NULL, };
