# Compiles a program with what pkg-config says, and runs it.
set(ENV{PKG_CONFIG_PATH} "${PC_DIR}")
execute_process(COMMAND "${PKG_CONFIG}" --cflags --libs eventbus OUTPUT_VARIABLE said COMMAND_ERROR_IS_FATAL ANY)
separate_arguments(flags UNIX_COMMAND "${FLAGS}")
separate_arguments(said UNIX_COMMAND "${said}")
execute_process(COMMAND "${CXX}" -std=c++20 ${flags} "${SOURCE}" ${said} -o "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
execute_process(COMMAND "${PROGRAM}" COMMAND_ERROR_IS_FATAL ANY)
