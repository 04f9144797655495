/* The contract compiles as C11 on its own, first in its file, and its layout assertions hold. */
#include <eventbus/plugin_abi.h>

uint32_t eventbus_test_abi_of_c(void);
uint32_t eventbus_test_abi_of_c(void) { return (uint32_t)sizeof(eb_functions) << 16 | (uint32_t)sizeof(eb_delivery); }
