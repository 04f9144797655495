# cmake -DPLUGIN=FILE [-DNM=PROGRAM] -P: fails unless the file defines exactly one dynamic symbol, eventbus_plugin_v1.
if(NOT NM)
  set(NM nm)
endif()
execute_process(COMMAND "${NM}" -D --defined-only "${PLUGIN}" OUTPUT_VARIABLE symbols COMMAND_ERROR_IS_FATAL ANY)
string(STRIP "${symbols}" symbols)
if(NOT symbols MATCHES "^[0-9a-f]+ [A-Z] eventbus_plugin_v1$")
  message(FATAL_ERROR "${PLUGIN} exports not exactly eventbus_plugin_v1, but:\n${symbols}")
endif()
