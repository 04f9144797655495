# cmake -DPLUGIN=FILE -P: fails unless the file defines exactly one dynamic symbol, eventbus_plugin_v1.
execute_process(COMMAND nm -D --defined-only "${PLUGIN}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${symbols}" symbols)
if(NOT symbols MATCHES "^[0-9a-f]+ [A-Z] eventbus_plugin_v1$")
  message(FATAL_ERROR "${PLUGIN} exports other symbols than eventbus_plugin_v1:\n${symbols}")
endif()
